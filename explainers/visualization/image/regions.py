"""Where in a picture the credit lies, in words: the nine parts that people name."""

from dataclasses import dataclass

import numpy as np

from ...results.explanation import Floats

DOWN = ("upper", "middle", "lower")
ACROSS = ("left", "middle", "right")
PARTS = len(DOWN) * len(ACROSS)


@dataclass(frozen=True)
class Region:
    """A ninth of the picture, and its share, 0 to 1, of all push in one direction."""

    name: str
    share: float


def rank_regions(values: Floats, sign: int = 1) -> list[Region]:
    """The nine parts of a map by their share of its positive scores (`sign` 1) or negative ones (-1), largest first.

    Empty if there are none.
    """
    pushes = (sign * values).clip(min=0).astype(np.float64)
    total = pushes.sum()
    if not total:
        return []
    found = [
        Region(_name_region(i, j), float(part.sum() / total))
        for i, band in enumerate(np.array_split(pushes, 3, axis=0))
        for j, part in enumerate(np.array_split(band, 3, axis=1))
    ]
    return sorted(found, key=lambda region: -region.share)


def _name_region(i: int, j: int) -> str:
    if i == j == 1:
        return "the middle"
    return f"the {DOWN[i]} {ACROSS[j]}" if i != 1 else f"the {ACROSS[j]} side"
