"""Occlusion: take a part away, and see how far the score falls. No gradient is computed.

Knows no task and no model: a Problem's features say which of them belong together.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from ..method import Only, Range, method
from ..problem import Attribution, Problem

KEPT = -1  # the group of features that are never taken away


@method("Occlusion", paper="Zeiler & Fergus 2014, arXiv:1311.2901", needs=("baseline",))
def occlusion(
    problem: Problem,
    *,
    level: Annotated[Literal["word", "token"], Only("text"), "What is taken away of a text at once."] = "word",
    patch: Annotated[
        int, Range(1, 512), Only("image"), "Side of the square that is taken away of an image, in model pixels."
    ] = 28,
) -> Attribution:
    """How far the score falls when one part becomes its baseline.

    (T, F), in the score's unit: the features of a word or of a square share its fall equally, so that it is their sum.
    """
    groups = _squares(problem, patch) if problem.grid else _pieces(problem, level)  # (F,)
    values = problem.keep(Without(groups))  # (1 + G, T)
    falls = values[0] - values[1:]  # (G, T)
    sizes = groups[groups != KEPT].bincount(minlength=len(falls))  # (G,)
    shares = torch.cat([falls / sizes[:, None], torch.zeros_like(falls[:1])])  # (G + 1, T), the last for KEPT
    return Attribution(shares[groups].T.contiguous())


@dataclass(frozen=True)
class Without:
    """Masks (1 + G, F): first of everything, then of everything but one of the groups 0 to G - 1 of `groups` (F,)."""

    groups: Tensor

    def __len__(self) -> int:
        return int(self.groups.max()) + 2

    def __getitem__(self, rows: slice) -> Tensor:
        taken = torch.arange(*rows.indices(len(self))) - 1
        taken[taken == -1] = -2  # no group is called so: nothing is taken away
        return self.groups != taken[:, None]  # (B, F)


def _squares(problem: Problem, side: int) -> Tensor:
    """The square that each value of an image lies in, by rows; the last of a row or column may be cut."""
    rows, columns = problem.grid or (1, 1)
    down, across = (torch.arange(length) // side for length in (rows, columns))
    squares = down[:, None] * (int(across[-1]) + 1) + across  # (rows, columns)
    return squares.flatten().repeat(len(problem.features) // (rows * columns))


def _pieces(problem: Problem, level: str) -> Tensor:
    """The word or token that each feature of a text belongs to, in their order."""
    known: dict[object, int] = {}
    return torch.tensor(
        [
            KEPT if feature.special else known.setdefault(_piece(problem, place, level), len(known))
            for place, feature in enumerate(problem.features)
        ]
    )


def _piece(problem: Problem, place: int, level: str) -> object:
    feature = problem.features[place]
    return place if level == "token" or feature.word is None else (feature.field, feature.word)
