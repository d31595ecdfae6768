"""Sequential integrated gradients: each word moves alone from its baseline to itself, the others stay as they are.

Letters in shapes: P feature groups (tokens, words or sentences), S steps.
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
    steps: Annotated[int, Range(1, 200), "Number of points on the path of each token, word or sentence."] = 12,
) -> Attribution:
    """Change one token at a time in steps from blank to itself, and add up how the score changes on the way.

    Integral of the gradient along each group's own path: (T, F), in the score's unit. The scores of a group sum to the
    fall of the score without it: for single tokens this is occlusion, computed by gradients. The paper's baseline is
    the mask token.
    """
    groups = group_tokens(problem, level)  # (F,)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    alphas, shares = torch.from_numpy((nodes + 1) / 2).float(), torch.from_numpy(weights / 2).float()
    paths = GroupPaths(problem.x, problem.baseline, groups, alphas)
    direction = problem.x - problem.baseline
    _, rises = problem.gradients(paths, lambda gradient: (gradient * direction).sum(-1))  # (P · S, T, F)
    by_group = torch.einsum("s,pstf->ptf", shares.to(rises), rises.reshape(-1, steps, *rises.shape[1:]))  # (P, T, F)
    own = groups == torch.arange(len(by_group))[:, None]  # (P, F)
    return Attribution((by_group * own[:, None].to(rises)).sum(0))


@dataclass(frozen=True)
class GroupPaths:
    """Inputs (P · S, F, D): for each of P groups, S points at `alphas` (S,) on its own path from `baseline` to `x`."""

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
