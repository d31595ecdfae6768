"""The HTML that views share. What is called text is escaped here; what is called content is HTML already."""

from collections.abc import Iterable, Mapping, Sequence

from ..request import Pairs
from .palette import CSS
from .text.escape import escape
from .text.format import format_probability, shorten

BLANK = "␣"  # how a text of nothing but space is shown


def bold(text: str, most: int = 40) -> str:
    """The text in bold, cut to `most` characters."""
    return f"<strong><bdi>{escape(shorten(text, most) or BLANK)}</bdi></strong>"


def quote(text: str, most: int = 40) -> str:
    """The text in quotation marks, cut to `most` characters."""
    return f"“<bdi>{escape(shorten(text, most) or BLANK)}</bdi>”"


def quote_bold(text: str) -> str:
    """The text in bold quotation marks."""
    return f"<strong>{quote(text)}</strong>"


def render_probability(probability: float | None) -> str:
    """A probability in brackets behind what it is of; nothing for none, and for a number that is no probability."""
    return "" if probability is None or not 0 <= probability <= 1 else f" ({escape(format_probability(probability))})"


def join_items(items: Sequence[str]) -> str:
    """Items with commas, and an “and” before the last."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def add_style(content: str) -> str:
    """The content with the style sheet of every view."""
    return f"<style>{CSS}</style>{content}"


def render_lead(content: str, live: bool = False) -> str:
    """The sentence that sums up a result; a `live` one is read aloud when it changes."""
    role = ' role="status"' if live else ""
    return f'<p class="wf-said"{role}>{content}</p>'


def render_note(content: str) -> str:
    """A line in small print."""
    return f'<div class="wf-note">{content}</div>'


def render_details(summary: str, content: str) -> str:
    """Content that opens at a click on its summary."""
    return f"<details><summary>{summary}</summary>{content}</details>"


def render_legend(ways: Mapping[int, str], *texts: str) -> str:
    """The colour of each sign, 1 or -1, with the text of what it stands for, then further texts."""
    items = [
        f'<span class="wf-key wf-{"p" if sign > 0 else "n"} wf-strong" style="--s:1">{escape(said)}</span>'
        for sign, said in ways.items()
    ]
    items += [escape(text) for text in texts if text]
    return f'<div class="wf-legend">{"".join(f"<span>{item}</span>" for item in items)}</div>'


def render_table(rows: Iterable[Sequence[str]], head: Sequence[str] = (), kind: str = "", named: bool = False) -> str:
    """Rows of content under a head; with `named` the first cell of each row is its name."""
    first = '<th scope="row">{}</th>' if named else "<td>{}</td>"
    top = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(
        f"<tr>{first.format(name)}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>" for name, *cells in rows
    )
    own = f' class="{kind}"' if kind else ""
    return f"<table{own}>{f'<thead><tr>{top}</tr></thead><tbody>{body}</tbody>' if head else body}</table>"


def render_pairs(rows: Pairs) -> str:
    """Names and values as a table."""
    return add_style(render_table(((escape(name), escape(text)) for name, text in rows), kind="wf-how", named=True))
