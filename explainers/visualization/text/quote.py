"""A text as it is quoted on a card, one word of it marked."""

import re
from collections.abc import Sequence

from .escape import escape


def render_quotation(texts: Sequence[str], word: str) -> str:
    """The texts as one quotation, a line each, with the word marked where it stands first."""
    whole = "\n".join(texts)
    found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", whole)
    start, end = found.span() if found else (len(whole), len(whole))
    parts = (escape(whole[:start]), f"<mark>{escape(whole[start:end])}</mark>" if found else "", escape(whole[end:]))
    return f'<blockquote class="wf-quote" dir="auto">{"".join(parts)}</blockquote>'
