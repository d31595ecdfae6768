"""Infidelity: how well the scores of what is taken away predict how the explained number changes.

Ours, not `captum.metrics.infidelity`, whose normalisation also allows a negative scale: of an occlusion map of 20
tokens and of the same with its signs turned it makes 0.185 and 0.185, ours 0.185 and 1 (`python -m bench.captum`).
"""

import math

import torch

from ..registry import metric
from .perturbation import PerturbationTest

SAMPLES = 100


@metric("Infidelity", paper="Yeh et al. 2019, arXiv:1901.09392", better="low")
def infidelity(trial: PerturbationTest) -> float:
    """The share of the changes that the scores of random sets do not foretell: 0 all foretold, 1 none.

    The paper's mean squared error over random sets of pieces, between the sum of a set's scores and the fall without
    it, as a share of the mean squared fall; scores are first brought to the best scale that is not negative. Of an
    unsigned map with the sizes of the falls.
    """
    taken = draw_masks(trial)  # (N, P)
    falls = trial.falls(~taken)  # (N,)
    falls = falls if trial.signed else falls.abs()
    sums = taken.double() @ trial.scores  # (N,)
    scale = (sums @ falls / (sums @ sums)).clamp(min=0) if sums.any() else 0.0
    return float((scale * sums - falls).square().sum() / falls.square().sum()) if falls.any() else math.nan


def draw_masks(trial: PerturbationTest) -> torch.Tensor:
    """Draw masks (N, P) of what is taken away: a random number of pieces, from one to all, at random places."""
    pieces, generator = len(trial.scores), trial.generator
    sizes = torch.randint(1, pieces + 1, (SAMPLES, 1), generator=generator)
    return torch.rand(SAMPLES, pieces, generator=generator).argsort(dim=1).argsort(dim=1) < sizes
