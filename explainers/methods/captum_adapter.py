"""Adapt a Problem to the perturbation methods of Captum.

Captum's input is a vector (1, P) that says which of P pieces (words, squares) are present: 1 as in the input, 0 at
the baseline. The forward function evaluates such vectors by `Problem.keep`, which batches, counts passes, reports
progress and stops a cancelled run, and gives the scores of all T targets from one pass. Whatever is drawn at random
is drawn by the caller from the request's generator; Captum's own samplers, which use the process-wide one, never run.

Methods on this adapter take 0.79 to 1.19 times as long as their passes in full batches with nothing else done, for 8
to 120 tokens and 1 and 3 targets (`python -m bench.captum`).
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
"""From masks (N, P), values (N, T) and weights (N,) to coefficients (T, P)."""


@dataclass(frozen=True)
class GroupForward:
    """A Captum forward function: presence (B, P) of the pieces that `groups` (F,) numbers to scores (B, T).

    With `known`, a cache by the bytes of a vector, each vector is evaluated once, however often Captum asks for it.
    """

    problem: Problem
    groups: Tensor
    known: dict[bytes, Tensor] | None = None

    @property
    def count(self) -> int:
        """Return the number of pieces, P."""
        return int(self.groups.max()) + 1

    @property
    def present(self) -> Tensor:
        """Return Captum's input, every piece present, (1, P)."""
        return torch.ones(1, self.count)

    def __call__(self, presence: Tensor) -> Tensor:
        """Evaluate the model with only the present pieces."""
        if self.known is None:
            return self.problem.keep(GroupMasks(self.groups, presence.bool()))
        keys = [row.numpy().tobytes() for row in presence.bool()]
        new = {key: row for key, row in zip(keys, presence.bool(), strict=True) if key not in self.known}
        if new:
            values = self.problem.keep(GroupMasks(self.groups, torch.stack([*new.values()])))
            self.known.update(zip(new, values, strict=True))
        return torch.stack([self.known[key] for key in keys])

    def share(self, values: Tensor, error: Tensor | None = None) -> Attribution:
        """Divide values of pieces (T, P), and their standard errors, equally among the features of each piece."""
        visible = self.problem.visible
        scores = spread_over_features(self.groups, values, visible)
        return Attribution(scores, spread=None if error is None else spread_over_features(self.groups, error, visible))


class MultiTargetLime(LimeBase):  # type: ignore[misc]
    """Captum's LimeBase with the values of all T targets in one fit; the original accepts one value per sample."""

    def _evaluate_batch(self, curr_model_inputs: list[Tensor], *_: Any) -> Tensor:
        values: Tensor = self.forward_func(torch.cat(curr_model_inputs))
        return values  # (B, T)


@dataclass
class Surrogate:
    """A Captum interpretable model: the coefficients by `solve` of all samples, and of each of `subsets` (N,).

    It reads the data set's tensors directly: iterating a DataLoader draws from the process-wide generator.
    """

    solve: Solve
    subsets: list[Tensor]
    coefficients: Tensor | None = None

    def fit(self, train_data: Any) -> None:
        """Fit all samples first, then each subset."""
        masks, values, weights = (tensor.double() for tensor in train_data.dataset.tensors)
        every = torch.ones(len(masks), dtype=torch.bool)
        self.coefficients = torch.stack(
            [self.solve(masks[some], values[some], weights[some]) for some in (every, *self.subsets)]
        )

    def representation(self) -> Tensor | None:
        """Return the coefficients (1 + subsets, T, P)."""
        return self.coefficients


def fit_surrogate(
    forward: GroupForward, masks: Tensor, weigh: Callable[..., Any], solve: Solve, subsets: list[Tensor]
) -> Attribution:
    """Fit a linear surrogate with Captum to the scores at the masks (N, P); its coefficients are the pieces' values.

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
    values, *others = lime.attribute(
        forward.present, n_samples=len(masks), perturbations_per_eval=forward.problem.batching.size
    )  # (T, P) each
    return forward.share(values, estimate_jackknife_error(others))
