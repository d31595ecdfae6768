"""GradientSHAP: gradients at random points on the way from the baseline to noisy copies of the input.

Knows no task and no model: a Problem gives gradients.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from ..chance import estimated, mean
from ..problem import Attribution, Noisy, Problem
from ..registry import Range, method


@method("GradientSHAP", paper="Lundberg & Lee 2017, arXiv:1705.07874", needs=("gradients", "baseline"))
def gradient_shap(
    problem: Problem,
    *,
    samples: Annotated[int, Range(1, 2_000), "How many random points."] = 400,
    noise: Annotated[float, Range(0, 1), "Standard deviation of the noise, as a share of the input's range."] = 0.05,
) -> Attribution:
    """The mean over random points of gradient times the way from the baseline; each point on a noisy copy's way.

    (T, F), in the score's unit. They sum to F(x) - F(x') in expectation only, and without noise.
    """
    deviation = noise * float(problem.x.max() - problem.x.min())
    copies = Noisy(problem.x, deviation, samples, problem.seed)
    alphas = torch.rand(samples, generator=problem.generator, device=problem.x.device)
    ways = Ways(problem.baseline, copies)
    _, products = problem.gradients(
        Points(problem.baseline, ways, alphas), lambda products: products.sum(-1), along=ways
    )  # (N, T, F)
    scores, spread = estimated(mean, products)
    return Attribution(scores, spread=spread)


@dataclass(frozen=True)
class Ways:
    """From the baseline (1, F, D) to each of N copies, (N, F, D)."""

    baseline: Tensor
    copies: Noisy

    def __len__(self) -> int:
        return len(self.copies)

    def __getitem__(self, rows: slice) -> Tensor:
        return self.copies[rows] - self.baseline


@dataclass(frozen=True)
class Points:
    """The point on each of N ways that its alpha says, (N, F, D)."""

    baseline: Tensor
    ways: Ways
    alphas: Tensor

    def __len__(self) -> int:
        return len(self.ways)

    def __getitem__(self, rows: slice) -> Tensor:
        return self.baseline + self.alphas[rows].reshape(-1, 1, 1) * self.ways[rows]
