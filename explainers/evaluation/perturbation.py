"""PerturbationTest: the ranked feature groups of an explanation, and how far F falls without some of them.

Letters in shapes: P feature groups (words or squares), K fractions, F features. F(x) is the explained score.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import permutations

import torch
from torch import Tensor

from ..methods.feature_groups import KEPT, GroupMasks
from ..problem import Problem

FRACTIONS = 10  # number of fractions of the groups that are removed
MOST_ORDERS = 720  # up to this number, every order is tried instead of random ones

MeasureFalls = Callable[[Tensor], Tensor]
"""From masks (…, P) of the groups to keep to the falls of F below F(x), (…)."""


@dataclass(frozen=True, eq=False)
class PerturbationTest:
    """The scores (P,) of feature groups, and their `order` (P,), highest score first.

    `signed` scores say how far a group moves F up or down, unsigned ones how far it moves F. `measure_falls` runs the
    model once per mask, and remembers the result.
    """

    scores: Tensor
    order: Tensor
    signed: bool
    measure_falls: MeasureFalls
    seed: int = 0

    @property
    def generator(self) -> torch.Generator:
        """A new random generator, seeded by the request."""
        return torch.Generator().manual_seed(self.seed)

    @property
    def counts(self) -> Tensor:
        """The number of groups removed at each fraction, (K,): a tenth of all, two tenths, up to all."""
        return count_removed(len(self.order))

    @property
    def masks_without_top(self) -> Tensor:
        """Masks (K, P) that remove the groups with the highest scores."""
        return self._ranks >= self.counts[:, None]

    @property
    def masks_of_top(self) -> Tensor:
        """Masks (K, P) that keep only the groups with the highest scores."""
        return self._ranks < self.counts[:, None]

    @property
    def _ranks(self) -> Tensor:
        """The rank of each group, (P,), from 0."""
        return self.order.argsort()

    def reorder(self, order: Tensor) -> "PerturbationTest":
        """Return the test with the same scores, given to the groups in another order (P,)."""
        scores = torch.empty_like(self.scores)
        scores[order] = self.scores[self.order]
        return replace(self, scores=scores, order=order)

    def randomize(self, rankings: int) -> list["PerturbationTest"]:
        """Return tests with that many random orders, or with every order if there are few groups."""
        groups = len(self.order)
        if allows_every_order(groups):
            orders = [torch.tensor(order) for order in permutations(range(groups))]
        else:
            generator = self.generator
            orders = [torch.randperm(groups, generator=generator) for _ in range(rankings)]
        return [self.reorder(order) for order in orders]


def count_removed(groups: int) -> Tensor:
    """Return the numbers of groups to remove, (K,): each tenth of them, rounded up, without repetition."""
    return torch.tensor(sorted({math.ceil(groups * k / FRACTIONS) for k in range(1, FRACTIONS + 1)}))


def allows_every_order(groups: int) -> bool:
    """Return whether there are so few groups that every order is tried."""
    return groups < 20 and math.factorial(groups) <= MOST_ORDERS


def make_test(problem: Problem, scores: Tensor, groups: Tensor, row: int, signed: bool) -> PerturbationTest:
    """Make the test of the scores (F,) for target `row`; `groups` (F,) numbers the features that are removed together.

    Features that the target cannot depend on (NaN) are never removed. Equal scores are ordered at random, by the seed
    of the problem.
    """
    removable = torch.where(scores.isnan(), KEPT, groups)  # (F,)
    numbers, indexes = removable[removable != KEPT].unique(return_inverse=True)  # type: ignore[no-untyped-call]
    sums = torch.zeros(len(numbers), dtype=torch.float64).index_add(0, indexes, scores[removable != KEPT].double())
    compact = torch.full_like(removable, KEPT).masked_scatter(removable != KEPT, indexes)  # (F,), 0 to P - 1 and KEPT
    shuffled = torch.randperm(len(sums), generator=torch.Generator().manual_seed(problem.seed))
    order = shuffled[sums[shuffled].argsort(descending=True, stable=True)]
    return PerturbationTest(sums, order, signed, _make_fall_function(problem, compact, row), problem.seed)


def _make_fall_function(problem: Problem, groups: Tensor, row: int) -> MeasureFalls:
    """Return a function that measures the falls of target `row`, and evaluates each mask once."""
    count = int(groups.max()) + 1

    def evaluate(kept: Tensor) -> list[float]:
        values: list[float] = problem.keep(GroupMasks(groups, kept))[:, row].double().tolist()
        return values

    everything = torch.ones(1, count, dtype=torch.bool)
    whole, cache = evaluate(everything)[0], {everything.numpy().tobytes(): 0.0}

    def measure_falls(kept: Tensor) -> Tensor:
        masks = kept.reshape(-1, count)
        keys = [mask.numpy().tobytes() for mask in masks]
        new = {key: mask for key, mask in zip(keys, masks, strict=True) if key not in cache}
        if new:
            cache.update(zip(new, (whole - value for value in evaluate(torch.stack([*new.values()]))), strict=True))
        return torch.tensor([cache[key] for key in keys], dtype=torch.float64).reshape(kept.shape[:-1])

    return measure_falls
