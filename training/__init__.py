"""The training of the bundled models: one script for each family, and one that measures them all."""
