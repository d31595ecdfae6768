"""Format numbers, and the names of targets and inputs, for readers."""

from collections import Counter
from collections.abc import Iterable

from ...inputs.text import GRAPHEME
from ...request import Target
from ...results.step_scores import STEP_SCORE_INFO, name_step_score

FIELD_NAMES = {"text_a": "First text", "text_b": "Second text", "prefix": "Begins with"}


def shorten(text: str, most: int = 40) -> str:
    """Return the text on one line, cut to `most` grapheme clusters."""
    line = " ".join(text.split())
    clusters = GRAPHEME.findall(line)
    return line if len(clusters) <= most else "".join(clusters[: most - 1]) + "…"


def format_number(value: float) -> str:
    """Format a score with its sign: two decimals, or two significant digits below 0.1."""
    if value == 0:
        return "0"
    digits = f"{value:+.2f}" if abs(value) >= 0.1 else f"{value:+.2g}"
    return digits.replace("-", "−")


def format_unsigned(value: float) -> str:
    """Format a number like `format_number`, without a plus."""
    return format_number(value).removeprefix("+")


def format_decimals(value: float) -> str:
    """Format a positive number with two significant digits, or as a whole number from 10 on."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def format_share(share: float) -> str:
    """Format a share, 0 to 1, as a percentage."""
    value = 100 * share
    if 0 < value < 0.01:
        return "< 0.01 %"
    return f"{format_decimals(value)} %"


def format_probability(probability: float) -> str:
    """Format a probability as a percentage; near 1 it is "> 99 %", never 100 %."""
    return format_share(probability) if probability < 0.995 else "> 99 %"


def name_label(target: Target) -> str:
    """Return the label of a target, or its class index."""
    return target.label or f"class {target.index}"


def name_target(target: Target) -> str:
    """Return the label of a target, and the text that it is the label of, if any."""
    return f"{target.text}: {name_label(target)}" if target.text else name_label(target)


def name_field(field: str) -> str:
    """Return the name of an input for readers."""
    return FIELD_NAMES.get(field) or field[:1].upper() + field[1:].replace("_", " ")


def name_score(unit: str) -> str:
    """Name an explained number, such as the "cross-entropy" of a token, as it is written within a sentence."""
    if unit not in STEP_SCORE_INFO:
        return unit.replace("_", "-")
    name = name_step_score(unit, unit=False)
    return name[0].lower() + name[1:] if name[1].islower() else name  # "KL divergence" keeps its capitals


def number_duplicates(names: Iterable[str]) -> list[str]:
    """Number repeated names ("bank", "bank (2)"): a select box takes equal ones for the first of them."""
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return numbered
