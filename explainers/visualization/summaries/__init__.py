"""Results in sentences and tables."""
