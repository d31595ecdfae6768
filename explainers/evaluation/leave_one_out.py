"""Leave-one-out agreement: is the map's order that of the falls when each piece alone is taken away?

Knows no task and no method.
"""

import math

import torch
from torch import Tensor

from ..registry import metric
from .perturbation import PerturbationTest

MOST_FEATURES = 100  # pieces that are left out one by one, drawn by the seed where there are more


@metric("Leave-one-out tau", paper="Jain & Wallace 2019, arXiv:1902.10186", better="high")
def leave_one_out(trial: PerturbationTest) -> float:
    """How well the map's order agrees with the falls when each piece alone is taken away: 1 the same, −1 the reverse.

    Kendall's tau-b; of an unsigned map with the sizes of the falls.
    """
    pieces = len(trial.scores)
    left_out = torch.randperm(pieces, generator=trial.generator)[:MOST_FEATURES]  # (N,)
    falls = trial.falls(torch.arange(pieces) != left_out[:, None])  # (N,)
    return correlate_ranks(trial.scores[left_out], falls if trial.signed else falls.abs())


def correlate_ranks(one: Tensor, other: Tensor) -> float:
    """Kendall's tau-b of two rankings (N,); NaN where one of them is all ties."""
    first, second = ((ranked[:, None] - ranked).sign() for ranked in (one, other))  # (N, N)
    untied = float(first.abs().sum() * second.abs().sum())
    return float((first * second).sum()) / math.sqrt(untied) if untied else math.nan
