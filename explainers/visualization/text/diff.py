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
        parts += [escape(text[end : edit.start]), _mark_removed(edit.old), _mark_added(edit.new)]
        end = edit.end
    whole = "".join([*parts, escape(text[end:])])
    said = escape_plain(f"{name}, with what was changed")
    return add_style(f'<div class="wf-map wf-diff" role="group" dir="auto" aria-label="{said}">{whole}</div>')


def _mark_removed(word: str) -> str:
    return f"<del>{_hide_visually('removed: ')}{escape(word)}{_hide_visually('; ')}</del>"


def _mark_added(word: str) -> str:
    return f"<ins>{_hide_visually('added: ')}{escape(word)}{_hide_visually('; ')}</ins>" if word else ""


def _hide_visually(said: str) -> str:
    """Words that only a screen reader gets."""
    return f'<span class="wf-heard">{said}</span>'
