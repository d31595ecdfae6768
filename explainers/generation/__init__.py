"""Text that a model writes: how it is read, what is explained of it, and what it depends on.

Knows no page; that the model writes at all is a task's to say.
"""
