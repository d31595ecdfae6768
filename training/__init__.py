"""How the bundled models were made: one script a family, and one that measures them all."""
