"""Find, download, check and load models."""
