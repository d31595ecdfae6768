"""What other words in the place of one do, in a sentence and in rows."""

from collections.abc import Sequence

from ..generation.swap import Swap
from .html import bold_quoted, share
from .text import short, visible


def said(swaps: Sequence[Swap], token: str, foil: str | None) -> str:
    """With how many words the token is likelier than its contrast, and with which it is most and least. HTML."""
    best, worst = max(swaps, key=lambda swap: swap.share), min(swaps, key=lambda swap: swap.share)
    most, least = (f"{bold_quoted(swap.word)}{share(swap.share)}" for swap in (best, worst))
    if foil is None:
        return f"{bold_quoted(token)} is likeliest with {most}, and least likely with {least}."
    count = sum(swap.share > 0.5 for swap in swaps)
    number = "every one" if count == len(swaps) else "none" if not count else str(count)
    return (
        f"{bold_quoted(token)} is likelier than {bold_quoted(foil)} with <strong>{number}</strong> of {len(swaps)} "
        f"words. Of the two it has most with {most}, and least with {least}."
    )


def rows(swaps: Sequence[Swap], token: str, foil: str | None) -> list[dict[str, str | float]]:
    """One row a word, that where the token has least first."""
    return [_row(swap, visible(token), visible(foil or "")) for swap in sorted(swaps, key=lambda swap: swap.share)]


def _row(swap: Swap, token: str, foil: str) -> dict[str, str | float]:
    found: dict[str, str | float] = {"word": visible(swap.word), f"“{token}”": swap.own}
    if swap.foil is not None:
        found |= {f"“{foil}”": swap.foil, "of the two": swap.share}
    return found | {"the model writes": short(visible(swap.written), 200)}
