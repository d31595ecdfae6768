"""Shapley values of the parts of a text or image, estimated in two ways. No gradient is computed.

Knows no task and no model. Letters: P parts, N samples.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from ..chance import estimated, leaving_out, mean, spread
from ..knobs import AtLevel, InPatches
from ..pieces import KEPT, InPieces, Level, pieces, shared
from ..problem import Attribution, Problem
from ..registry import Range, method


@method("KernelSHAP", paper="Lundberg & Lee 2017, arXiv:1705.07874", needs=("baseline",), additive=True)
def kernel_shap(
    problem: Problem,
    *,
    level: AtLevel = "word",
    patch: InPatches = 28,
    samples: Annotated[
        int, Range(4, 20_000), "How many times parts are taken away; with all that there are, it is exact."
    ] = 1_000,
) -> Attribution:
    """The fair share of each part in the change from the baseline, by a weighted regression on inputs without some.

    (T, F), in the score's unit: the features of a part share its value equally. Every random choice of parts is tried
    together with its opposite, and the shares are held to sum to F(x) - F(x').
    """
    groups = players(problem, level, patch)  # (F,)
    count = int(groups.max()) + 1
    ends = _ends(problem, groups, count)  # (2, T)
    if count == 1:
        return Attribution(shared(groups, (ends[1] - ends[0])[:, None].float(), problem.visible))
    exact = 2**count - 2 <= samples
    masks = every(count) if exact else paired(count, samples // 2, problem.generator)  # (N, P)
    weights = kernel(count)[masks.sum(1)] if exact else torch.ones(len(masks), dtype=torch.float64)
    if len(masks) < 2 * count and not exact:
        problem.run.notices.append(f"There are {count} parts and {len(masks)} samples: ask for more, or larger parts.")
    values = problem.keep(InPieces(groups, masks)).double()  # (N, T)
    scores = shared(groups, solved(masks, values, weights, ends), problem.visible)
    if exact:
        return Attribution(scores)
    kept = [some.repeat(2) for some in leaving_out(len(masks) // 2)]  # a choice and its opposite are in one fold
    error = spread([solved(masks[some], values[some], weights[some], ends) for some in kept])
    return Attribution(scores, spread=None if error is None else shared(groups, error, problem.visible))


@method(
    "Shapley value sampling",
    paper="Castro et al. 2009, doi:10.1016/j.cor.2008.04.004",
    needs=("baseline",),
    additive=True,
)
def shapley_value_sampling(
    problem: Problem,
    *,
    level: AtLevel = "word",
    patch: InPatches = 28,
    orders: Annotated[
        int, Range(1, 2_000), "In how many random orders the parts are put back, each also backwards."
    ] = 24,
) -> Attribution:
    """The mean rise of the score when a part is put back, over random orders of putting all of them back.

    (T, F), in the score's unit: the features of a part share its value equally.
    """
    groups = players(problem, level, patch)  # (F,)
    count = int(groups.max()) + 1
    ends = _ends(problem, groups, count)  # (2, T)
    first = torch.rand(orders, count, generator=problem.generator, device=problem.generator.device).argsort(1).cpu()
    ranks = torch.cat([first, count - 1 - first])  # (2 · orders, P), the place of each part in an order
    inner = problem.keep(InPieces(groups, PutBack(ranks))).double() if count > 1 else ends[:0]
    steps = inner.reshape(len(ranks), count - 1, ends.shape[1])
    path = torch.cat([ends[:1].expand(len(ranks), 1, -1), steps, ends[1:].expand(len(ranks), 1, -1)], dim=1)
    rises = path.diff(dim=1)  # (2 · orders, P, T), by place
    by_part = rises.gather(1, ranks[..., None].expand_as(rises)).transpose(1, 2)  # (2 · orders, T, P)
    values, error = estimated(mean, (by_part[:orders] + by_part[orders:]) / 2)
    return Attribution(
        shared(groups, values.float(), problem.visible),
        spread=None if error is None else shared(groups, error.float(), problem.visible),
    )


@dataclass(frozen=True)
class PutBack:
    """Masks (K · (P - 1), P): for each of K orders, by `ranks` (K, P), its first part, its first two, up to P - 1."""

    ranks: Tensor

    def __len__(self) -> int:
        return self.ranks.shape[0] * (self.ranks.shape[1] - 1)

    def __getitem__(self, rows: slice) -> Tensor:
        numbers = torch.arange(*rows.indices(len(self)))
        steps = self.ranks.shape[1] - 1
        return self.ranks[numbers // steps] <= (numbers % steps)[:, None]  # (B, P)


def players(problem: Problem, level: Level, patch: int) -> Tensor:
    """The part that each feature is in, (F,): as in `pieces`, and one more so that F(x) - F(x') is all theirs.

    That is what is never taken away but has another baseline, such as the position of a special token.
    """
    groups = pieces(problem, level, patch)
    differs = (problem.x != problem.baseline).any(-1)[0]  # (F,)
    return torch.where((groups == KEPT) & differs, groups.max() + 1, groups)


def _ends(problem: Problem, groups: Tensor, count: int) -> Tensor:
    """The scores with none and with all of the parts, (2, T)."""
    none_and_all = torch.tensor([[False] * count, [True] * count])
    return problem.keep(InPieces(groups, none_and_all)).double()


def kernel(count: int) -> Tensor:
    """The weight of a choice of k of the parts, for k from 0 to P - 1 (its first is none that is used)."""
    weights = [(count - 1) / (math.comb(count, k) * k * (count - k)) for k in range(1, count)]
    return torch.tensor([0.0, *weights], dtype=torch.float64)


def every(count: int) -> Tensor:
    """All choices of some, not none and not all, of the parts, (2^P - 2, P)."""
    numbers = torch.arange(1, 2**count - 1)
    return (numbers[:, None] >> torch.arange(count)) % 2 == 1


def paired(count: int, pairs: int, generator: torch.Generator) -> Tensor:
    """Random choices (2 · pairs, P) of some parts, as often as the kernel weighs them; then the opposite of each."""
    sizes = torch.arange(1, count, dtype=torch.float64, device=generator.device)
    chances = 1 / (sizes * (count - sizes))  # of a size: its kernel times how many choices have it
    size = torch.multinomial(chances, pairs, replacement=True, generator=generator) + 1
    order = torch.rand(pairs, count, generator=generator, device=generator.device).argsort(1).argsort(1)
    some = (order < size[:, None]).cpu()
    return torch.cat([some, ~some])


def solved(masks: Tensor, values: Tensor, weights: Tensor, ends: Tensor) -> Tensor:
    """The shares (T, P) that sum to the change between `ends` (2, T) and fit values (N, T) best.

    An equal share of the change is set apart; the rest sums to 0, so it is sought among deviations from their mean.
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
