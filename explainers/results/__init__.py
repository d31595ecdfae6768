"""Results as data: numpy and the standard library only."""
