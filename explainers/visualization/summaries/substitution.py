"""What other words in the place of one do, in a sentence and in rows."""

from collections.abc import Sequence

from ...results.substitution import Substitution
from ..html import quote_bold, render_probability
from ..text.escape import show_controls
from ..text.format import shorten


def describe_substitutions(swaps: Sequence[Substitution], token: str, foil: str | None) -> str:
    """With how many words the token is likelier than its contrast, and with which it is most and least. HTML."""
    best, worst = max(swaps, key=lambda swap: swap.share), min(swaps, key=lambda swap: swap.share)
    most, least = (f"{quote_bold(swap.word)}{render_probability(swap.share)}" for swap in (best, worst))
    if foil is None:
        return f"{quote_bold(token)} is likeliest with {most}, and least likely with {least}."
    count = sum(swap.share > 0.5 for swap in swaps)
    number = "every one" if count == len(swaps) else "none" if not count else str(count)
    return (
        f"{quote_bold(token)} is likelier than {quote_bold(foil)} with <strong>{number}</strong> of {len(swaps)} "
        f"words. Of the two it has most with {most}, and least with {least}."
    )


def list_rows(swaps: Sequence[Substitution], token: str, foil: str | None) -> list[dict[str, str | float]]:
    """One row a word, that where the token has least first."""
    return [
        _make_row(swap, show_controls(token), show_controls(foil or ""))
        for swap in sorted(swaps, key=lambda swap: swap.share)
    ]


def _make_row(swap: Substitution, token: str, foil: str) -> dict[str, str | float]:
    found: dict[str, str | float] = {"word": show_controls(swap.word), f"“{token}”": swap.probability}
    if swap.foil_probability is not None:
        found |= {f"“{foil}”": swap.foil_probability, "of the two": swap.share}
    return found | {"the model writes": shorten(show_controls(swap.continuation), 200)}
