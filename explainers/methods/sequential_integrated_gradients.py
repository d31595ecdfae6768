"""Sequential integrated gradients: each word moves alone from its baseline to itself, all others in their places.

Knows no task and no model: a Problem gives gradients.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from ..problem import Attribution, Problem
from ..registry import Range, method
from .feature_groups import group_tokens
from .options import TextLevel


@method(
    "Sequential integrated gradients",
    paper="Enguehard 2023, arXiv:2305.15853",
    needs=("gradients", "baseline", "table"),
)
def sequential_integrated_gradients(
    problem: Problem,
    *,
    level: TextLevel = "token",
    steps: Annotated[int, Range(1, 200), "Points on the way of each token, word or sentence."] = 12,
) -> Attribution:
    """The gradient added up along a way on which one token alone goes from the baseline to itself, for each token.

    (T, F), in the score's unit. The scores of what moves together sum to the fall of the score without it: for single
    tokens this is occlusion, found by gradients. The paper's baseline is the mask token.
    """
    groups = group_tokens(problem, level)  # (F,)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    alphas, shares = torch.from_numpy((nodes + 1) / 2).float(), torch.from_numpy(weights / 2).float()
    ways = GroupPaths(problem.x, problem.baseline, groups, alphas)
    direction = problem.x - problem.baseline
    _, rises = problem.gradients(ways, lambda gradient: (gradient * direction).sum(-1))  # (P · S, T, F)
    by_piece = torch.einsum("s,pstf->ptf", shares.to(rises), rises.reshape(-1, steps, *rises.shape[1:]))  # (P, T, F)
    own = groups == torch.arange(len(by_piece))[:, None]  # (P, F)
    return Attribution((by_piece * own[:, None].to(rises)).sum(0))


@dataclass(frozen=True)
class GroupPaths:
    """For each of P pieces the inputs at S `alphas` of its own way from `baseline` to `x` (1, F, D): (P · S, F, D)."""

    x: Tensor
    baseline: Tensor
    groups: Tensor
    alphas: Tensor

    def __len__(self) -> int:
        return (int(self.groups.max()) + 1) * len(self.alphas)

    def __getitem__(self, rows: slice) -> Tensor:
        numbers = torch.arange(*rows.indices(len(self)))
        moving = self.groups == (numbers // len(self.alphas))[:, None]  # (B, F)
        alphas = self.alphas[numbers % len(self.alphas)].to(self.x).reshape(-1, 1, 1)
        between = self.baseline + alphas * (self.x - self.baseline)  # (B, F, D)
        return torch.where(moving[..., None], between, self.x)
