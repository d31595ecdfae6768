"""Escape text from users, tokenizers and configs: the only way for it into HTML and Plotly."""

import html
import unicodedata

import regex

# Control characters that reorder or hide text. Joiners stay: emoji and several scripts need them.
HIDDEN = regex.compile(
    r"[\x00-\x08\x0B-\x1F\x7F-\x9F\u00AD\u061C\u180E\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB]"
)


def escape(text: str) -> str:
    """Return the text as HTML, quotes escaped too; a hidden control character becomes a mark with its name."""
    parts, end = [], 0
    for match in HIDDEN.finditer(text):
        parts += [html.escape(text[end : match.start()], quote=True), _render_control(match.group())]
        end = match.end()
    return "".join([*parts, html.escape(text[end:], quote=True)])


def _render_control(character: str) -> str:
    return f'<span class="wf-mark" title="{name_control(character)}">{ord(character):04X}</span>'


def name_control(character: str) -> str:
    """Return the name of a control character."""
    return unicodedata.name(character, f"control U+{ord(character):04X}").lower()


def escape_plain(text: str) -> str:
    """Return the text for HTML attributes and Plotly, without markup; control characters become their code points.

    Plotly decodes only a few named entities, and renders text between two dollar signs as a formula.
    """
    return (
        html.escape(show_controls(text), quote=False).replace('"', "&#34;").replace("'", "&#39;").replace("$", "&#36;")
    )


def show_controls(text: str) -> str:
    """Replace hidden control characters, which could reorder text or move a cursor, by their code points."""
    return str(HIDDEN.sub(lambda match: f"[{ord(match.group()):04X}]", text))


def strip_markup(markup: str) -> str:
    """Return the text of our own HTML."""
    return html.unescape(regex.sub("<[^>]*>", "", markup))
