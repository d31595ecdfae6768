"""Shapley values of the parts of a text or image, estimated in two ways by Captum. Needs no gradient.

Letters: P parts, N samples. Shapley value sampling is Captum's ShapleyValueSampling with orders drawn from the
request's generator. KernelSHAP is Captum's LimeBase, as is Captum's KernelShap; the samples are ours because KernelShap
draws from the process-wide generator, and so is the regression, which holds the sum exactly and gives standard errors.
"""

import math
from functools import partial
from typing import Annotated

import torch
from captum.attr import ShapleyValueSampling
from torch import Tensor

from ..problem import Attribution, Problem
from ..registry import Range, method
from .captum_adapter import GroupForward, fit_surrogate
from .feature_groups import KEPT, Level, group_features
from .options import PatchSide, TextLevel
from .standard_error import estimate_mean, estimate_with_error, make_folds


@method("KernelSHAP", paper="Lundberg & Lee 2017, arXiv:1705.07874", needs=("baseline",), additive=True)
def kernel_shap(
    problem: Problem,
    *,
    level: TextLevel = "word",
    patch: PatchSide = 28,
    samples: Annotated[
        int, Range(4, 20_000), "How many times parts are taken away; with all that there are, it is exact."
    ] = 1_000,
) -> Attribution:
    """Estimate the Shapley value of each part by a weighted regression on inputs with parts taken away.

    (T, F), in the score's unit: the features of a part share its value equally. Every random choice of parts is
    evaluated with its complement, and the values are constrained to sum to F(x) - F(x').
    """
    groups = group_players(problem, level, patch)  # (F,)
    forward = GroupForward(problem, groups)
    count = forward.count
    ends = forward(torch.arange(2)[:, None].expand(-1, count)).double()  # (2, T), with none and with all of the parts
    if count == 1:
        return forward.share((ends[1] - ends[0])[:, None].float())
    exact = 2**count - 2 <= samples
    masks = list_coalitions(count) if exact else draw_coalitions(count, samples // 2, problem.generator)  # (N, P)
    weights = compute_kernel(count) if exact else torch.ones(count)  # (P,), by the number of parts that are present
    if len(masks) < 2 * count and not exact:
        problem.run.notices.append(f"There are {count} parts and {len(masks)} samples: ask for more, or larger parts.")
    # A choice and its opposite are in one fold.
    folds = [] if exact else [some.repeat(2) for some in make_folds(len(masks) // 2)]

    def weigh(_: Tensor, __: Tensor, mask: Tensor, **___: object) -> Tensor:
        return weights[int(mask.sum())]

    return fit_surrogate(forward, masks, weigh, partial(solve_shapley_values, ends=ends), folds)


@method(
    "Shapley value sampling",
    paper="Castro et al. 2009, doi:10.1016/j.cor.2008.04.004",
    needs=("baseline",),
    additive=True,
)
def shapley_value_sampling(
    problem: Problem,
    *,
    level: TextLevel = "word",
    patch: PatchSide = 28,
    orders: Annotated[
        int, Range(1, 2_000), "In how many random orders the parts are put back, each also backwards."
    ] = 24,
) -> Attribution:
    """Average the rise of the score when a part is added, over random orders of adding all parts to the baseline.

    (T, F), in the score's unit: the features of a part share its value equally.
    """
    groups = group_players(problem, level, patch)  # (F,)
    forward = GroupForward(problem, groups, known={})
    count = forward.count
    problem.run.expect(min(2**count, 2 + 2 * orders * (count - 1)))
    sampling = ShapleyValueSampling(forward)
    ranks = torch.rand(orders, count, generator=problem.generator, device=problem.generator.device).argsort(1)
    draws = []  # orders times (T, P)
    for order in ranks.argsort(1).cpu():
        both = order.tolist(), order.flip(0).tolist()
        sampling.permutation_generator = lambda _, __, both=both: both
        draws.append(sampling.attribute(forward.present, perturbations_per_eval=count)[0])
    return forward.share(*estimate_with_error(estimate_mean, torch.stack(draws)))


def group_players(problem: Problem, level: Level, patch: int) -> Tensor:
    """Return the part of each feature, (F,): as in `pieces`, and one more so that the values sum to F(x) - F(x').

    It holds what is never taken away but differs from the baseline, such as the position of a special token.
    """
    groups = group_features(problem, level, patch)
    differs = (problem.x != problem.baseline).any(-1)[0]  # (F,)
    return torch.where((groups == KEPT) & differs, groups.max() + 1, groups)


def compute_kernel(count: int) -> Tensor:
    """Return the Shapley kernel's weight of a choice of k parts, for k from 0 (not used) to P - 1."""
    weights = [(count - 1) / (math.comb(count, k) * k * (count - k)) for k in range(1, count)]
    return torch.tensor([0.0, *weights], dtype=torch.float64)


def list_coalitions(count: int) -> Tensor:
    """Return all masks (2^P - 2, P) but those of none and of all parts."""
    numbers = torch.arange(1, 2**count - 1)
    return (numbers[:, None] >> torch.arange(count)) % 2 == 1


def draw_coalitions(count: int, pairs: int, generator: torch.Generator) -> Tensor:
    """Draw masks (2 · pairs, P) with probability proportional to the kernel; the second half are the complements."""
    sizes = torch.arange(1, count, dtype=torch.float64, device=generator.device)
    chances = 1 / (sizes * (count - sizes))  # of a size: its kernel times how many choices have it
    size = torch.multinomial(chances, pairs, replacement=True, generator=generator) + 1
    order = torch.rand(pairs, count, generator=generator, device=generator.device).argsort(1).argsort(1)
    some = (order < size[:, None]).cpu()
    return torch.cat([some, ~some])


def solve_shapley_values(masks: Tensor, values: Tensor, weights: Tensor, ends: Tensor) -> Tensor:
    """Solve the least squares for values (T, P) that sum to the change between `ends` (2, T).

    They are written as equal parts of the change plus deviations that sum to 0, which removes the constraint.
    """
    count = masks.shape[1]
    change = ends[1] - ends[0]  # (T,)
    x = masks.double()
    equal = change / count
    y = values - ends[0] - x.sum(1, keepdim=True) * equal
    x = x - x.mean(1, keepdim=True)
    root = weights.sqrt()[:, None]
    deviations: Tensor = torch.linalg.lstsq(root * x, root * y, driver="gelsd").solution  # (P, T), shortest of the best
    shares: Tensor = equal + deviations - deviations.mean(0)
    return shares.T.float()
