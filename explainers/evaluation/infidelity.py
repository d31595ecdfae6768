"""Infidelity: the error of predicting from the scores how F changes under random perturbations.

Our own, not `captum.metrics.infidelity`, whose normalization also allows a negative scale: it gives 0.185 for an
occlusion explanation of 20 tokens and 0.185 for the same with reversed signs, where ours gives 0.185 and 1
(`python -m bench.captum`).
"""

import math

import torch

from ..registry import metric
from .perturbation import PerturbationTest

SAMPLES = 100


@metric("Infidelity", paper="Yeh et al. 2019, arXiv:1901.09392", better="low")
def infidelity(test: PerturbationTest) -> float:
    """Measure how badly the explanation predicts what removing random words or squares does: 0 is perfect, 1 useless.

    The paper's mean squared error over random sets of groups, between the sum of a set's scores and the fall of F
    without it, divided by the mean squared fall. Scores are first multiplied by the best non-negative scale. Unsigned
    scores are compared with the size of the fall. NaN if F never changes.
    """
    removed = draw_masks(test)  # (N, P)
    falls = test.measure_falls(~removed)  # (N,)
    falls = falls if test.signed else falls.abs()
    sums = removed.double() @ test.scores  # (N,)
    scale = (sums @ falls / (sums @ sums)).clamp(min=0) if sums.any() else 0.0
    return float((scale * sums - falls).square().sum() / falls.square().sum()) if falls.any() else math.nan


def draw_masks(test: PerturbationTest) -> torch.Tensor:
    """Draw masks (N, P) of the groups to remove: a random number of groups, from one to all, at random positions."""
    groups, generator = len(test.scores), test.generator
    sizes = torch.randint(1, groups + 1, (SAMPLES, 1), generator=generator)
    return torch.rand(SAMPLES, groups, generator=generator, dtype=torch.float32).argsort(dim=1).argsort(dim=1) < sizes
