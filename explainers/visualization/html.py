"""HTML helpers of all views. A parameter named text is escaped here; one named content is HTML already."""

from collections.abc import Iterable, Mapping, Sequence

from ..request import Pairs
from .palette import CSS
from .text.escape import escape
from .text.format import format_probability, shorten

BLANK = "␣"  # shown for a text of whitespace only


def bold(text: str, most: int = 40) -> str:
    """Render the text in bold, cut to `most` characters."""
    return f"<strong><bdi>{escape(shorten(text, most) or BLANK)}</bdi></strong>"


def quote(text: str, most: int = 40) -> str:
    """Render the text in quotation marks, cut to `most` characters."""
    return f"“<bdi>{escape(shorten(text, most) or BLANK)}</bdi>”"


def quote_bold(text: str) -> str:
    """Render the text in bold quotation marks."""
    return f"<strong>{quote(text)}</strong>"


def render_probability(probability: float | None) -> str:
    """Render a probability in brackets; empty for None and for a number that is no probability."""
    return "" if probability is None or not 0 <= probability <= 1 else f" ({escape(format_probability(probability))})"


def join_items(items: Sequence[str]) -> str:
    """Join items with commas, and an “and” before the last."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def add_style(content: str) -> str:
    """Return the content with the style sheet of all views."""
    return f"<style>{CSS}</style>{content}"


def render_lead(content: str, live: bool = False) -> str:
    """Render the summary of a result; screen readers announce a change of a `live` one."""
    role = ' role="status"' if live else ""
    return f'<p class="wf-said"{role}>{content}</p>'


def render_note(content: str) -> str:
    """Render a line of small print."""
    return f'<div class="wf-note">{content}</div>'


def render_details(summary: str, content: str) -> str:
    """Render content that opens on a click on its summary."""
    return f"<details><summary>{summary}</summary>{content}</details>"


def render_legend(directions: Mapping[int, str], *texts: str) -> str:
    """Render the colour of each sign, 1 or -1, with its meaning, then further texts."""
    items = [
        f'<span class="wf-key wf-{"p" if sign > 0 else "n"} wf-strong" style="--s:1">{escape(name)}</span>'
        for sign, name in directions.items()
    ]
    items += [escape(text) for text in texts if text]
    return f'<div class="wf-legend">{"".join(f"<span>{item}</span>" for item in items)}</div>'


def render_table(rows: Iterable[Sequence[str]], head: Sequence[str] = (), kind: str = "", named: bool = False) -> str:
    """Render rows of content under a head; with `named` the first cell of each row is its header."""
    first = '<th scope="row">{}</th>' if named else "<td>{}</td>"
    top = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(
        f"<tr>{first.format(name)}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>" for name, *cells in rows
    )
    own = f' class="{kind}"' if kind else ""
    return f"<table{own}>{f'<thead><tr>{top}</tr></thead><tbody>{body}</tbody>' if head else body}</table>"


def render_pairs(rows: Pairs) -> str:
    """Render names and values as a table."""
    return add_style(render_table(((escape(name), escape(text)) for name, text in rows), kind="wf-how", named=True))
