"""Adapter between a Problem and the perturbation methods of Captum.

Captum's input is a vector (1, P) that says which of P feature groups (words, squares) are present: 1 present, 0 at
the baseline. The forward function evaluates such vectors with `Problem.keep`, which batches, counts passes, reports
progress and stops a cancelled run, and returns the scores of all T targets from one pass. Methods draw their random
numbers from the request's generator; Captum's own samplers, which use the process-wide generator, never run.

Methods on this adapter take 0.79 to 1.19 times as long as their passes alone in full batches, for 8 to 120 tokens and
1 and 3 targets (`python -m bench.captum`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from captum.attr import LimeBase
from torch import Tensor

from ..problem import Attribution, Problem
from .feature_groups import GroupMasks, spread_over_features
from .standard_error import estimate_jackknife_error

Solve = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From masks (N, P), scores (N, T) and sample weights (N,) to coefficients (T, P)."""


@dataclass(frozen=True)
class GroupForward:
    """A Captum forward function: presence (B, P) of feature groups to scores (B, T); `groups` (F,) numbers them.

    With a `cache`, keyed by the bytes of a vector, each vector is evaluated once, however often Captum asks for it.
    """

    problem: Problem
    groups: Tensor
    cache: dict[bytes, Tensor] | None = None

    @property
    def count(self) -> int:
        """The number of feature groups, P."""
        return int(self.groups.max()) + 1

    @property
    def present(self) -> Tensor:
        """Captum's input with every group present, (1, P)."""
        return torch.ones(1, self.count)

    def __call__(self, presence: Tensor) -> Tensor:
        """Compute the scores (B, T) with only the present groups."""
        if self.cache is None:
            return self.problem.keep(GroupMasks(self.groups, presence.bool()))
        keys = [row.numpy().tobytes() for row in presence.bool()]
        new = {key: row for key, row in zip(keys, presence.bool(), strict=True) if key not in self.cache}
        if new:
            values = self.problem.keep(GroupMasks(self.groups, torch.stack([*new.values()])))
            self.cache.update(zip(new, values, strict=True))
        return torch.stack([self.cache[key] for key in keys])

    def make_attribution(self, values: Tensor, error: Tensor | None = None) -> Attribution:
        """Divide the scores of groups (T, P), and their standard errors, equally among the features of each group."""
        visible = self.problem.visible
        scores = spread_over_features(self.groups, values, visible)
        spread = None if error is None else spread_over_features(self.groups, error, visible)
        return Attribution(scores, spread=spread)


class MultiTargetLime(LimeBase):  # type: ignore[misc]
    """Captum's LimeBase with the scores of all T targets in one fit; the original accepts one score per sample."""

    def _evaluate_batch(self, curr_model_inputs: list[Tensor], *_: Any) -> Tensor:
        values: Tensor = self.forward_func(torch.cat(curr_model_inputs))
        return values  # (B, T)


@dataclass
class Surrogate:
    """A Captum interpretable model, fitted by `solve` to all samples and to each of `subsets` (N,), boolean masks.

    It reads the data set's tensors directly: iterating a DataLoader draws from the process-wide generator.
    """

    solve: Solve
    subsets: list[Tensor]
    coefficients: Tensor | None = None

    def fit(self, train_data: Any) -> None:
        """Fit all samples first, then each subset."""
        masks, values, weights = (tensor.double() for tensor in train_data.dataset.tensors)
        everything = torch.ones(len(masks), dtype=torch.bool)
        self.coefficients = torch.stack(
            [self.solve(masks[subset], values[subset], weights[subset]) for subset in (everything, *self.subsets)]
        )

    def representation(self) -> Tensor | None:
        """Return the coefficients (1 + subsets, T, P)."""
        return self.coefficients


def fit_surrogate(
    forward: GroupForward, masks: Tensor, weigh: Callable[..., Any], solve: Solve, subsets: list[Tensor]
) -> Attribution:
    """Fit a linear surrogate with Captum to the scores at masks (N, P); its coefficients are the groups' scores.

    `weigh` is Captum's `similarity_func` of the input, the perturbed input and the mask. The standard error comes
    from the fits to `subsets` (N,) of the samples, each without one fold.
    """
    forward.problem.run.expect(len(masks))
    rows = iter(masks.float()[:, None])
    lime = MultiTargetLime(
        forward,
        Surrogate(solve, subsets),
        similarity_func=weigh,
        perturb_func=lambda *_, **__: next(rows),
        perturb_interpretable_space=True,
        from_interp_rep_transform=lambda mask, *_, **__: mask,
        to_interp_rep_transform=None,
    )
    values, *without_fold = lime.attribute(
        forward.present, n_samples=len(masks), perturbations_per_eval=forward.problem.batching.size
    )  # (T, P) each
    return forward.make_attribution(values, estimate_jackknife_error(without_fold))
