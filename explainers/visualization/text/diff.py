"""A diff of a text before and after an attack, with hidden words that tell screen readers what was changed."""

from collections.abc import Iterable

from ...results.attack import Edit
from ..html import add_style
from .escape import escape, escape_plain


def render_diff(text: str, edits: Iterable[Edit], name: str = "Text") -> str:
    """Render the original text with removed words struck through, and added words bold and underlined."""
    parts, end = [], 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        parts += [escape(text[end : edit.start]), _mark_removed(edit.old), _mark_added(edit.new)]
        end = edit.end
    whole = "".join([*parts, escape(text[end:])])
    label = escape_plain(f"{name}, with its changes")
    return add_style(f'<div class="wf-map wf-diff" role="group" dir="auto" aria-label="{label}">{whole}</div>')


def _mark_removed(word: str) -> str:
    return f"<del>{_hide_visually('removed: ')}{escape(word)}{_hide_visually('; ')}</del>"


def _mark_added(word: str) -> str:
    return f"<ins>{_hide_visually('added: ')}{escape(word)}{_hide_visually('; ')}</ins>" if word else ""


def _hide_visually(text: str) -> str:
    """Render a text for screen readers only."""
    return f'<span class="wf-heard">{text}</span>'
