"""A Trial: one map under test, its pieces in their order, and how far the number falls without any of them.

Knows no method and no metric. Letters: P pieces, K steps, F features.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import permutations

import torch
from torch import Tensor

from ..methods.feature_groups import KEPT, GroupMasks
from ..problem import Problem

FRACTIONS = 10  # how many fractions of the pieces are taken away
MOST_ORDERS = 720  # orders: as many or fewer are all tried, in place of a few at random

Falls = Callable[[Tensor], Tensor]
"""From masks (…, P) of the pieces that are kept to how far the number falls below F(x), (…)."""


@dataclass(frozen=True, eq=False)
class PerturbationTest:
    """The scores (P,) of the pieces, and their `order` (P,), strongest first.

    A `signed` score says how much a piece pushes towards the target, another one only how much it matters.
    `falls` runs the model for masks that it has not seen yet, and for no others.
    """

    scores: Tensor
    order: Tensor
    signed: bool
    falls: Falls
    seed: int = 0

    @property
    def generator(self) -> torch.Generator:
        """A fresh source of randomness, the same for the same request."""
        return torch.Generator().manual_seed(self.seed)

    @property
    def counts(self) -> Tensor:
        """How many pieces are taken away at each step, (K,): a tenth of all, two tenths, and so on to all."""
        return count_removed(len(self.order))

    @property
    def without(self) -> Tensor:
        """Masks (K, P): the strongest pieces taken away."""
        return self._rank >= self.counts[:, None]

    @property
    def only(self) -> Tensor:
        """Masks (K, P): only the strongest pieces kept."""
        return self._rank < self.counts[:, None]

    @property
    def _rank(self) -> Tensor:
        """The place of each piece in the order, (P,)."""
        return self.order.argsort()

    def reordered(self, order: Tensor) -> "PerturbationTest":
        """The same scores dealt out to the pieces in another order."""
        dealt = torch.empty_like(self.scores)
        dealt[order] = self.scores[self.order]
        return replace(self, scores=dealt, order=order)

    def chance(self, rankings: int) -> list["PerturbationTest"]:
        """The trial with random orders in place of its own, or with every order of a few pieces."""
        pieces = len(self.order)
        if allows_every_order(pieces):
            orders = [torch.tensor(order) for order in permutations(range(pieces))]
        else:
            generator = self.generator
            orders = [torch.randperm(pieces, generator=generator) for _ in range(rankings)]
        return [self.reordered(order) for order in orders]


def count_removed(pieces: int) -> Tensor:
    """The numbers of pieces that are taken away, (K,): each tenth of them, rounded up, once."""
    return torch.tensor(sorted({math.ceil(pieces * step / FRACTIONS) for step in range(1, FRACTIONS + 1)}))


def allows_every_order(pieces: int) -> bool:
    """Whether there are so few pieces that every order is tried."""
    return pieces < 20 and math.factorial(pieces) <= MOST_ORDERS


def make_test(problem: Problem, scores: Tensor, groups: Tensor, row: int, signed: bool) -> PerturbationTest:
    """The trial of one target's scores (F,), NaN where not visible; `groups` (F,) says what is taken away together.

    What is not visible stays as it is. Equal scores are ordered at random, by the problem's seed.
    """
    taken = torch.where(scores.isnan(), KEPT, groups)  # (F,)
    numbers, places = taken[taken != KEPT].unique(return_inverse=True)  # type: ignore[no-untyped-call]
    summed = torch.zeros(len(numbers), dtype=torch.float64).index_add(0, places, scores[taken != KEPT].double())
    compact = torch.full_like(taken, KEPT).masked_scatter(taken != KEPT, places)  # (F,), 0 to P - 1 and KEPT
    shuffled = torch.randperm(len(summed), generator=torch.Generator().manual_seed(problem.seed))
    order = shuffled[summed[shuffled].argsort(descending=True, stable=True)]
    return PerturbationTest(summed, order, signed, _make_fall_function(problem, compact, row), problem.seed)


def _make_fall_function(problem: Problem, groups: Tensor, row: int) -> Falls:
    """Runs the problem once for each mask (P,) of pieces."""
    pieces = int(groups.max()) + 1

    def values(kept: Tensor) -> list[float]:
        found: list[float] = problem.keep(GroupMasks(groups, kept))[:, row].double().tolist()
        return found

    everything = torch.ones(1, pieces, dtype=torch.bool)
    whole, known = values(everything)[0], {everything.numpy().tobytes(): 0.0}

    def falls(kept: Tensor) -> Tensor:
        masks = kept.reshape(-1, pieces)
        keys = [mask.numpy().tobytes() for mask in masks]
        new = {key: mask for key, mask in zip(keys, masks, strict=True) if key not in known}
        if new:
            known.update(zip(new, (whole - value for value in values(torch.stack([*new.values()]))), strict=True))
        return torch.tensor([known[key] for key in keys], dtype=torch.float64).reshape(kept.shape[:-1])

    return falls
