"""Total-order Sobol indices of feature groups, by Jansen's estimator; Captum has none.

Letters in shapes: P feature groups, N random masks, T targets.
"""

from dataclasses import replace
from typing import Annotated

import torch
from torch import Tensor

from ..problem import Attribution, Problem
from ..registry import Range, method
from .captum_adapter import GroupForward
from .feature_groups import group_features
from .options import PatchSide, TextLevel
from .shapley import list_coalitions
from .standard_error import estimate_jackknife_error, make_folds

NEGLIGIBLE_VARIANCE = 1e-10  # of the mean square: a variance below it is rounding error


@method("Sobol indices", paper="Fel et al. 2021, arXiv:2111.04138", needs=("baseline",))
def sobol(
    problem: Problem,
    *,
    level: TextLevel = "word",
    patch: PatchSide = 28,
    samples: Annotated[
        int, Range(2, 2_000), "Number of random combinations; each is evaluated again for every word or square."
    ] = 32,
) -> Attribution:
    """Hide random combinations of words or squares, and measure how much of the score's variation each accounts for.

    Total-order Sobol indices: (T, F), shares of the variance of F over random masks, with all interactions; from 0 to
    1, without a sign. Each mask keeps each group with probability 1/2. If there are no more combinations than passes,
    all are evaluated and the indices are exact. Features of a group share its index equally.
    """
    groups = group_features(problem, level, patch)  # (F,)
    forward = GroupForward(problem, groups)
    count = forward.count
    exact = count < 40 and 2**count <= samples * (count + 1)
    problem.run.expect(2**count if exact else samples * (count + 1))
    if exact:
        values = forward(list_masks(count)).double()  # (2^P, T)
        flips = torch.arange(2**count) ^ (1 << torch.arange(count))[:, None]  # (P, 2^P)
        squares = (values[flips] - values).square().transpose(0, 1)  # (2^P, P, T)
    else:
        masks = torch.rand(samples, count, generator=problem.generator, device=problem.generator.device).cpu() < 0.5
        flipped = masks[:, None] ^ torch.eye(count, dtype=torch.bool)  # (N, P, P)
        values = forward(torch.cat([masks[:, None], flipped], dim=1).flatten(0, 1)).double()
        values = values.reshape(samples, 1 + count, -1)  # (N, 1 + P, T)
        squares = (values[:, 1:] - values[:, :1]).square()  # (N, P, T)
    indices = estimate_indices(values, squares)
    if ((variance := compute_variance(values)) <= NEGLIGIBLE_VARIANCE * values.square().flatten(0, -2).mean(0)).any():
        problem.run.notices.append(
            f"The score hardly changes when words or squares are hidden (variance {float(variance.min()):.1g}), so "
            "their shares of its variance are rounding errors."
        )
    folds = [] if exact else make_folds(samples)
    error = estimate_jackknife_error([estimate_indices(values[kept], squares[kept]) for kept in folds])
    return replace(forward.make_attribution(indices, error), signed=False)


def estimate_indices(values: Tensor, squares: Tensor) -> Tensor:
    """Estimate the total-order indices (T, P) from scores (N, …, T) and the squared effects (N, P, T) of each flip.

    Jansen's estimator is half the mean square of the effects of drawing a group anew, over the variance of F. A group
    drawn anew is the same in half of all cases, with no effect; only the other half is evaluated.
    """
    variance = compute_variance(values)  # (T,)
    indices = squares.mean(0) / 4 / variance.clamp(min=torch.finfo(variance.dtype).tiny)  # (P, T)
    return indices.T.float()


def compute_variance(values: Tensor) -> Tensor:
    """Compute the variance (T,) of scores (N, …, T): flipped masks are as random as those they come from."""
    return values.flatten(0, -2).var(0, correction=0)


def list_masks(count: int) -> Tensor:
    """List all masks (2^P, P); the number of a mask has bit p where group p is present."""
    ends = torch.tensor([[False], [True]]).expand(-1, count)
    return torch.cat([ends[:1], list_coalitions(count), ends[1:]])
