"""Results in words: sentences and rows of tables."""
