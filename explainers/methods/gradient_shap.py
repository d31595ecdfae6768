"""GradientSHAP: gradients at random points on the way from the baseline to noisy copies of the input.

Ours, not Captum's GradientShap, which draws from the process-wide generators of torch and numpy: from the same seed,
its scores change when another thread draws too. It also evaluates all samples in one batch, and three targets cost
3 times the forward passes and 1.5 times the time (20 tokens; `python -m bench.captum`).
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from ..problem import Attribution, NoisyCopies, Problem
from ..registry import Range, method
from .standard_error import estimate_mean, estimate_with_error


@method("GradientSHAP", paper="Lundberg & Lee 2017, arXiv:1705.07874", needs=("gradients", "baseline"))
def gradient_shap(
    problem: Problem,
    *,
    samples: Annotated[int, Range(1, 2_000), "How many random points."] = 400,
    noise: Annotated[float, Range(0, 1), "Standard deviation of the noise, as a share of the input's range."] = 0.05,
) -> Attribution:
    """Average gradient times (noisy copy - baseline) over random points between the two.

    (T, F), in the score's unit. They sum to F(x) - F(x') in expectation only, and without noise.
    """
    deviation = noise * float(problem.x.max() - problem.x.min())
    copies = NoisyCopies(problem.x, deviation, samples, problem.seed)
    alphas = torch.rand(samples, generator=problem.generator, device=problem.x.device)
    ways = PathDirections(problem.baseline, copies)
    _, products = problem.gradients(
        PathPoints(problem.baseline, ways, alphas), lambda products: products.sum(-1), along=ways
    )  # (N, T, F)
    scores, spread = estimate_with_error(estimate_mean, products)
    return Attribution(scores, spread=spread)


@dataclass(frozen=True)
class PathDirections:
    """The differences of N noisy copies from the baseline (1, F, D), (N, F, D)."""

    baseline: Tensor
    copies: NoisyCopies

    def __len__(self) -> int:
        return len(self.copies)

    def __getitem__(self, rows: slice) -> Tensor:
        return self.copies[rows] - self.baseline


@dataclass(frozen=True)
class PathPoints:
    """The points baseline + alpha * difference, one for each of N copies, (N, F, D)."""

    baseline: Tensor
    ways: PathDirections
    alphas: Tensor

    def __len__(self) -> int:
        return len(self.ways)

    def __getitem__(self, rows: slice) -> Tensor:
        return self.baseline + self.alphas[rows].reshape(-1, 1, 1) * self.ways[rows]
