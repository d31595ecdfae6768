"""Escape text that others wrote for Markdown."""

import re


def escape(text: str) -> str:
    """Escape text so that Markdown shows it unchanged."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
