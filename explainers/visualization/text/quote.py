"""A text quoted on a card, with one word marked."""

import re
from collections.abc import Sequence

from .escape import escape


def render_quotation(texts: Sequence[str], word: str) -> str:
    """Render the texts as one quotation, one per line, with the first occurrence of the word marked."""
    whole = "\n".join(texts)
    found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", whole)
    start, end = found.span() if found else (len(whole), len(whole))
    parts = (escape(whole[:start]), f"<mark>{escape(whole[start:end])}</mark>" if found else "", escape(whole[end:]))
    return f'<blockquote class="wf-quote" dir="auto">{"".join(parts)}</blockquote>'
