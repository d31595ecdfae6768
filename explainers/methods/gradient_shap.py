"""GradientSHAP: gradients at random points between the baseline and noisy copies of the input.

Our own, not Captum's GradientShap, which draws from the process-wide generators of torch and numpy: with the same
seed, its scores change when another thread draws too. It also evaluates all samples in one batch, and three
targets cost 3 times the forward passes and 1.5 times the time (20 tokens; `python -m bench.captum`).
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
    samples: Annotated[int, Range(1, 2_000), "Number of random points."] = 400,
    noise: Annotated[float, Range(0, 1), "Standard deviation of the noise, as a fraction of the input's range."] = 0.05,
) -> Attribution:
    """Average what each token or pixel contributes at random points between a blank input and noisy copies of yours.

    Mean of gradient × (noisy copy - baseline): (T, F), in the score's unit. The scores sum to F(x) - F(x') in
    expectation only, and without noise.
    """
    deviation = noise * float(problem.x.max() - problem.x.min())
    copies = NoisyCopies(problem.x, deviation, samples, problem.seed)
    alphas = torch.rand(samples, generator=problem.generator, dtype=torch.float32, device=problem.x.device)
    directions = PathDirections(problem.baseline, copies)
    _, products = problem.gradients(
        PathPoints(problem.baseline, directions, alphas), lambda products: products.sum(-1), along=directions
    )  # (N, T, F)
    scores, spread = estimate_with_error(estimate_mean, products)
    return Attribution(scores, spread=spread)


@dataclass(frozen=True)
class PathDirections:
    """The differences (N, F, D) between N noisy copies and the baseline (1, F, D)."""

    baseline: Tensor
    copies: NoisyCopies

    def __len__(self) -> int:
        return len(self.copies)

    def __getitem__(self, rows: slice) -> Tensor:
        return self.copies[rows] - self.baseline


@dataclass(frozen=True)
class PathPoints:
    """The points baseline + alpha · direction, one for each of N copies, (N, F, D)."""

    baseline: Tensor
    directions: PathDirections
    alphas: Tensor

    def __len__(self) -> int:
        return len(self.directions)

    def __getitem__(self, rows: slice) -> Tensor:
        return self.baseline + self.alphas[rows].reshape(-1, 1, 1) * self.directions[rows]
