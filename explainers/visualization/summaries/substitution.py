"""The effect of other words in the place of one: a sentence, and rows."""

from collections.abc import Sequence

from ...results.substitution import Substitution
from ..html import quote_bold, render_probability
from ..text.escape import show_controls
from ..text.format import shorten


def describe_substitutions(swaps: Sequence[Substitution], token: str, foil: str | None) -> str:
    """Describe how often `token` is more probable than its contrast, and with which words most and least. HTML."""
    best, worst = max(swaps, key=lambda swap: swap.share), min(swaps, key=lambda swap: swap.share)
    most, least = (f"{quote_bold(swap.word)}{render_probability(swap.share)}" for swap in (best, worst))
    if foil is None:
        return f"{quote_bold(token)} is most probable with {most} and least probable with {least}."
    count = sum(swap.share > 0.5 for swap in swaps)
    number = "every one" if count == len(swaps) else "none" if not count else str(count)
    return (
        f"{quote_bold(token)} is more probable than {quote_bold(foil)} with <strong>{number}</strong> of {len(swaps)} "
        f"words. Its share of both is largest with {most} and smallest with {least}."
    )


def list_rows(swaps: Sequence[Substitution], token: str, foil: str | None) -> list[dict[str, str | float]]:
    """List one row per word, the smallest share of the token first."""
    return [
        _make_row(swap, show_controls(token), show_controls(foil or ""))
        for swap in sorted(swaps, key=lambda swap: swap.share)
    ]


def _make_row(swap: Substitution, token: str, foil: str) -> dict[str, str | float]:
    row: dict[str, str | float] = {"word": show_controls(swap.word), f"“{token}”": swap.probability}
    if swap.foil_probability is not None:
        row |= {f"“{foil}”": swap.foil_probability, "share of both": swap.share}
    return row | {"generated text": shorten(show_controls(swap.continuation), 200)}
