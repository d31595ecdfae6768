"""An old text and a new one in one: words that went are struck through, words that came are bold and underlined.

Screen readers are told what went and came.
"""

from collections.abc import Iterable

from ...results.attack import Edit
from ..html import add_style
from .escape import escape, escape_plain


def render_diff(text: str, edits: Iterable[Edit], name: str = "Text") -> str:
    """The text that an attack began with, with its edits where they were made."""
    parts, end = [], 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        parts += [escape(text[end : edit.start]), _gone(edit.old), _came(edit.new)]
        end = edit.end
    whole = "".join([*parts, escape(text[end:])])
    said = escape_plain(f"{name}, with what was changed")
    return add_style(f'<div class="wf-map wf-diff" role="group" dir="auto" aria-label="{said}">{whole}</div>')


def _gone(word: str) -> str:
    return f"<del>{_heard('removed: ')}{escape(word)}{_heard('; ')}</del>"


def _came(word: str) -> str:
    return f"<ins>{_heard('added: ')}{escape(word)}{_heard('; ')}</ins>" if word else ""


def _heard(said: str) -> str:
    """Words that only a screen reader gets."""
    return f'<span class="wf-heard">{said}</span>'
