"""Shapley values of feature groups, estimated with Captum by sampling orders and by KernelSHAP.

Shapley value sampling is Captum's ShapleyValueSampling with orders drawn from the request's generator. KernelSHAP uses
Captum's LimeBase, as Captum's KernelShap does; the samples are our own because KernelShap draws from the process-wide
generator, and so is the regression, which keeps the sum exact and gives standard errors.
Letters in shapes: P feature groups, N samples.
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
        int, Range(4, 20_000), "Number of perturbed inputs; exact if there are no more combinations than that."
    ] = 1_000,
) -> Attribution:
    """Hide random combinations of words or squares, and share the change of the score fairly among them.

    Shapley values by a weighted regression: (T, F), in the score's unit; features of a group share its value equally.
    Every random coalition is evaluated with its complement, and the values are constrained to sum to F(x) - F(x').
    """
    groups = group_players(problem, level, patch)  # (F,)
    forward = GroupForward(problem, groups)
    count = forward.count
    ends = forward(torch.arange(2)[:, None].expand(-1, count)).double()  # (2, T), with no and with all groups
    if count == 1:
        return forward.make_attribution((ends[1] - ends[0])[:, None].float())
    exact = 2**count - 2 <= samples
    masks = list_coalitions(count) if exact else draw_coalitions(count, samples // 2, problem.generator)  # (N, P)
    weights = compute_kernel(count) if exact else torch.ones(count)  # (P,), by coalition size
    if len(masks) < 2 * count and not exact:
        problem.run.notices.append(
            f"{len(masks)} samples are few for {count} words or squares: choose more samples, or larger units."
        )
    # A coalition and its complement are in the same fold.
    folds = [] if exact else [fold.repeat(2) for fold in make_folds(len(masks) // 2)]

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
    orders: Annotated[int, Range(1, 2_000), "Number of random orders; each is also used backwards."] = 24,
) -> Attribution:
    """Add words or squares one by one in many random orders, and average how much the score rises with each.

    Shapley values by permutation sampling: (T, F), in the score's unit; features of a group share its value equally.
    """
    groups = group_players(problem, level, patch)  # (F,)
    forward = GroupForward(problem, groups, cache={})
    count = forward.count
    problem.run.expect(min(2**count, 2 + 2 * orders * (count - 1)))
    sampling = ShapleyValueSampling(forward)
    ranks = torch.rand(
        orders, count, generator=problem.generator, dtype=torch.float32, device=problem.generator.device
    ).argsort(1)
    draws = []  # orders times (T, P)
    for order in ranks.argsort(1).cpu():
        both = order.tolist(), order.flip(0).tolist()
        sampling.permutation_generator = lambda _, __, both=both: both
        draws.append(sampling.attribute(forward.present, perturbations_per_eval=count)[0])
    return forward.make_attribution(*estimate_with_error(estimate_mean, torch.stack(draws)))


def group_players(problem: Problem, level: Level, patch: int) -> Tensor:
    """Return the group number of each feature, (F,), with one more group so that the values sum to F(x) - F(x').

    It holds the features that are never perturbed but differ from the baseline, such as positions of special tokens.
    """
    groups = group_features(problem, level, patch)
    differs = (problem.x != problem.baseline).any(-1)[0]  # (F,)
    return torch.where((groups == KEPT) & differs, groups.max() + 1, groups)


def compute_kernel(count: int) -> Tensor:
    """Compute the Shapley kernel, (P,): the weight of a coalition of k groups, for k from 0 (not used) to P - 1."""
    weights = [(count - 1) / (math.comb(count, k) * k * (count - k)) for k in range(1, count)]
    return torch.tensor([0.0, *weights], dtype=torch.float64)


def list_coalitions(count: int) -> Tensor:
    """List the masks of all coalitions but the empty and the full one, (2^P - 2, P)."""
    numbers = torch.arange(1, 2**count - 1)
    return (numbers[:, None] >> torch.arange(count)) % 2 == 1


def draw_coalitions(count: int, pairs: int, generator: torch.Generator) -> Tensor:
    """Draw coalitions (2 · pairs, P) with probability proportional to the kernel; the second half are complements."""
    sizes = torch.arange(1, count, dtype=torch.float64, device=generator.device)
    probabilities = 1 / (sizes * (count - sizes))  # of a size: the kernel times the number of such coalitions
    size = torch.multinomial(probabilities, pairs, replacement=True, generator=generator) + 1
    order = (
        torch.rand(pairs, count, generator=generator, dtype=torch.float32, device=generator.device)
        .argsort(1)
        .argsort(1)
    )
    masks = (order < size[:, None]).cpu()
    return torch.cat([masks, ~masks])


def solve_shapley_values(masks: Tensor, values: Tensor, weights: Tensor, ends: Tensor) -> Tensor:
    """Solve the weighted least squares for values (T, P) that sum to the change between `ends` (2, T).

    The values are equal shares of the change plus deviations that sum to 0, which removes the constraint.
    """
    count = masks.shape[1]
    change = ends[1] - ends[0]  # (T,)
    x = masks.double()
    equal = change / count
    y = values - ends[0] - x.sum(1, keepdim=True) * equal
    x = x - x.mean(1, keepdim=True)
    root = weights.sqrt()[:, None]
    deviations: Tensor = torch.linalg.lstsq(root * x, root * y, driver="gelsd").solution  # (P, T), of minimum norm
    shares: Tensor = equal + deviations - deviations.mean(0)
    return shares.T.float()
