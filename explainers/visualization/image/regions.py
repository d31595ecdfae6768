"""The nine regions of an image, and the share of the scores in each."""

from dataclasses import dataclass

import numpy as np

from ...results.explanation import Floats

DOWN = ("upper", "middle", "lower")
ACROSS = ("left", "middle", "right")
PARTS = len(DOWN) * len(ACROSS)


@dataclass(frozen=True)
class Region:
    """A ninth of the image, and its share, 0 to 1, of the scores of one sign."""

    name: str
    share: float


def rank_regions(values: Floats, sign: int = 1) -> list[Region]:
    """Rank the nine regions by their share of the positive scores (`sign` 1) or the negative ones (-1), largest first.

    Empty if there is no such score.
    """
    sizes = (sign * values).clip(min=0).astype(np.float64)
    total = sizes.sum()
    if not total:
        return []
    regions = [
        Region(_name_region(i, j), float(part.sum() / total))
        for i, band in enumerate(np.array_split(sizes, 3, axis=0))
        for j, part in enumerate(np.array_split(band, 3, axis=1))
    ]
    return sorted(regions, key=lambda region: -region.share)


def _name_region(i: int, j: int) -> str:
    if i == j == 1:
        return "the middle"
    return f"the {DOWN[i]} {ACROSS[j]}" if i != 1 else f"the {ACROSS[j]} side"
