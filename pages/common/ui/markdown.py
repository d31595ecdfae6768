"""Foreign text in Markdown."""

import re


def escape(text: str) -> str:
    """Escape text so that Markdown shows exactly it."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
