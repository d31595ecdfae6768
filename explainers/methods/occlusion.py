"""Occlusion: take a part away, and see how far the score falls. No gradient is computed.

Knows no task and no model.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..knobs import AtLevel, InPatches
from ..pieces import InPieces, pieces, shared
from ..problem import Attribution, Problem
from ..registry import method


@method("Occlusion", paper="Zeiler & Fergus 2014, arXiv:1311.2901", needs=("baseline",))
def occlusion(problem: Problem, *, level: AtLevel = "word", patch: InPatches = 28) -> Attribution:
    """How far the score falls when one part becomes its baseline.

    (T, F), in the score's unit: the features of a word or of a square share its fall equally, so that it is their sum.
    """
    groups = pieces(problem, level, patch)  # (F,)
    values = problem.keep(InPieces(groups, Without(int(groups.max()) + 1)))  # (1 + P, T)
    falls = values[0] - values[1:]  # (P, T)
    return Attribution(shared(groups, falls.T, problem.visible))


@dataclass(frozen=True)
class Without:
    """Masks (1 + P, P): first of all pieces, then of all but one of them."""

    count: int

    def __len__(self) -> int:
        return 1 + self.count

    def __getitem__(self, rows: slice) -> Tensor:
        taken = torch.arange(*rows.indices(len(self))) - 1  # -1 is no piece: nothing is taken away
        return torch.arange(self.count) != taken[:, None]  # (B, P)
