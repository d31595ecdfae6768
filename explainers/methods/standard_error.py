"""How far an estimate that came by chance would move with other draws: the jackknife over a few folds.

Knows no method and no model.
"""

from collections.abc import Callable

import torch
from torch import Tensor

FOLDS = 6  # few, so that the draws of one fill a batch


def make_folds(draws: int) -> list[Tensor]:
    """For each of FOLDS folds, or fewer, which of so many draws are not in it, (draws,); none for a single draw."""
    count = min(FOLDS, draws)
    return [torch.arange(draws) % count != k for k in range(count)] if count > 1 else []


def estimate_jackknife_error(without: list[Tensor]) -> Tensor | None:
    """The standard error of an estimate, from those that each leave one of K folds out; None if there are none.

    sqrt((K - 1) / K · Σ (θ_k - mean)²).
    """
    if not without:
        return None
    estimates = torch.stack(without)  # (K, …)
    share = (len(without) - 1) / len(without)
    return (share * (estimates - estimates.mean(0)).square().sum(0)).sqrt()


def estimate_with_error(statistic: Callable[[Tensor], Tensor], draws: Tensor) -> tuple[Tensor, Tensor | None]:
    """What a statistic makes of draws (N, …), and its standard error."""
    return statistic(draws), estimate_jackknife_error([statistic(draws[kept]) for kept in make_folds(len(draws))])


def estimate_mean(draws: Tensor) -> Tensor:
    """The mean of draws (N, …)."""
    return draws.mean(0)
