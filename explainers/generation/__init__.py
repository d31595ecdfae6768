"""Text that a model writes: how it is read, what is explained of it, and what it depends on."""
