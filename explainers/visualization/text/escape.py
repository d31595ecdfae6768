"""Text that came from people, tokenizers or configs, made safe and visible: the only way into HTML and Plotly."""

import html
import unicodedata
from collections import Counter
from collections.abc import Iterable

import regex

from ...inputs.text import GRAPHEME
from ...request import Target

# Controls that reorder or hide text. Joiners stay: emoji and several scripts need them.
HIDDEN = regex.compile(
    r"[\x00-\x08\x0B-\x1F\x7F-\x9F\u00AD\u061C\u180E\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB]"
)
NAMES = {"text_a": "First text", "text_b": "Second text", "prefix": "Begins with"}  # of fields
ENOUGH = 0.05  # of the change: a map that leaves more than this unexplained is called a sketch


def escape(text: str) -> str:
    """The text as HTML that shows exactly it, quotes included; hidden controls become marks with their names."""
    parts, end = [], 0
    for match in HIDDEN.finditer(text):
        parts += [html.escape(text[end : match.start()], quote=True), _mark(match.group())]
        end = match.end()
    return "".join([*parts, html.escape(text[end:], quote=True)])


def _mark(sign: str) -> str:
    return f'<span class="wf-mark" title="{name_control(sign)}">{ord(sign):04X}</span>'


def name_control(sign: str) -> str:
    """What a hidden control is called."""
    return unicodedata.name(sign, f"control U+{ord(sign):04X}").lower()


def escape_plain(text: str) -> str:
    """The text for attributes and for Plotly's pseudo-HTML: hidden controls as their code points, no markup.

    Plotly knows few names of signs, and takes what stands between two dollars for a formula.
    """
    return (
        html.escape(show_controls(text), quote=False).replace('"', "&#34;").replace("'", "&#39;").replace("$", "&#36;")
    )


def show_controls(text: str) -> str:
    """The text with its hidden controls, which could reorder it or move a cursor, as their code points."""
    return str(HIDDEN.sub(lambda match: f"[{ord(match.group()):04X}]", text))


def strip_markup(markup: str) -> str:
    """What HTML of ours says, as text."""
    return html.unescape(regex.sub("<[^>]*>", "", markup))


def shorten(text: str, most: int = 40) -> str:
    """The text on one line, cut between two graphemes."""
    line = " ".join(text.split())
    clusters = GRAPHEME.findall(line)
    return line if len(clusters) <= most else "".join(clusters[: most - 1]) + "…"


def format_number(value: float) -> str:
    """A score with its sign and two significant decimals."""
    if value == 0:
        return "0"
    digits = f"{value:+.2f}" if abs(value) >= 0.1 else f"{value:+.2g}"
    return digits.replace("-", "−")


def format_decimals(value: float) -> str:
    """A positive number with at most two significant decimals, and no power of ten."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def unsigned(value: float) -> str:
    """A number as in `number`, with no plus."""
    return format_number(value).removeprefix("+")


def label(target: Target) -> str:
    """The class of a target, by its name or its index."""
    return target.label or f"class {target.index}"


def name_target(target: Target) -> str:
    """A target as people read it: what is read, and of what."""
    return f"{target.text}: {label(target)}" if target.text else label(target)


def name_field(field: str) -> str:
    """An input's name as people read it."""
    return NAMES.get(field) or field[:1].upper() + field[1:].replace("_", " ")


def format_probability(probability: float) -> str:
    """A probability as a percentage that is never 100 %."""
    return format_share(probability) if probability < 0.995 else "> 99 %"


def format_share(share: float) -> str:
    """A share as a percentage with at most two significant decimals."""
    value = 100 * share
    if 0 < value < 0.01:
        return "< 0.01 %"
    return f"{format_decimals(value)} %"


def number_duplicates(names: Iterable[str]) -> list[str]:
    """The names, one that comes again with its number behind it: a picker takes equal ones for the first of them."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found
