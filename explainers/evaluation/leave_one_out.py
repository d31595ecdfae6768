"""Leave-one-out agreement: rank correlation between the scores and the effects of removing single groups."""

import math

import torch
from torch import Tensor

from ..registry import metric
from .perturbation import PerturbationTest

MOST_GROUPS = 100  # that are removed one by one; a random sample of longer inputs


@metric("Leave-one-out tau", paper="Jain & Wallace 2019, arXiv:1902.10186", better="high")
def leave_one_out(test: PerturbationTest) -> float:
    """Compare the explanation's ranking with the effect of removing each word or square alone: 1 is equal, −1 reversed.

    Kendall's tau-b between the scores and the falls of F; for unsigned scores, with the size of the falls. NaN where
    all scores or all falls are equal.
    """
    groups = len(test.scores)
    removed = torch.randperm(groups, generator=test.generator)[:MOST_GROUPS]  # (N,)
    falls = test.measure_falls(torch.arange(groups) != removed[:, None])  # (N,)
    return correlate_ranks(test.scores[removed], falls if test.signed else falls.abs())


def correlate_ranks(one: Tensor, other: Tensor) -> float:
    """Compute Kendall's tau-b of two lists of numbers (N,); NaN where all numbers of one are equal."""
    first, second = ((values[:, None] - values).sign() for values in (one, other))  # (N, N)
    untied = float(first.abs().sum() * second.abs().sum())
    return float((first * second).sum()) / math.sqrt(untied) if untied else math.nan
