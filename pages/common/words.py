"""Foreign text in Markdown.

Knows nothing else of ours.
"""

import re


def literal(text: str) -> str:
    """Text as Markdown that shows exactly it."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
