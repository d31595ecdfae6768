"""Standard errors of sampled estimates by the jackknife: how far they would move with other random draws."""

from collections.abc import Callable

import torch
from torch import Tensor

FOLDS = 6  # few, so that the draws of one fold fill a batch


def make_folds(draws: int) -> list[Tensor]:
    """Return masks (draws,) that each leave one fold out, for FOLDS folds or fewer; an empty list for a single draw."""
    count = min(FOLDS, draws)
    return [torch.arange(draws) % count != k for k in range(count)] if count > 1 else []


def estimate_jackknife_error(without: list[Tensor]) -> Tensor | None:
    """Compute the standard error from K estimates that each leave one fold out; None if there are none.

    sqrt((K - 1) / K · Σ (θ_k - mean)²).
    """
    if not without:
        return None
    estimates = torch.stack(without)  # (K, …)
    share = (len(without) - 1) / len(without)
    return (share * (estimates - estimates.mean(0)).square().sum(0)).sqrt()


def estimate_with_error(statistic: Callable[[Tensor], Tensor], draws: Tensor) -> tuple[Tensor, Tensor | None]:
    """Compute a statistic of draws (N, …), and its standard error."""
    return statistic(draws), estimate_jackknife_error([statistic(draws[kept]) for kept in make_folds(len(draws))])


def estimate_mean(draws: Tensor) -> Tensor:
    """Compute the mean of draws (N, …)."""
    return draws.mean(0)
