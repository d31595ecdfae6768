"""Areas over the perturbation curves: what is lost without the strongest pieces, and what with only them.

Knows no task and no method: a Trial says how far the number falls.
"""

from ..registry import metric
from .perturbation import PerturbationTest


@metric("Comprehensiveness (AOPC)", paper="DeYoung et al. 2020, arXiv:1911.03429", better="high")
def comprehensiveness(trial: PerturbationTest) -> float:
    """How far the number falls without what the map calls most important, the mean of ten fractions.

    In the number's unit.
    """
    return float(trial.falls(trial.without).mean())


@metric("Sufficiency", paper="DeYoung et al. 2020, arXiv:1911.03429", better="low")
def sufficiency(trial: PerturbationTest) -> float:
    """How far the number falls with nothing but what the map calls most important, the mean of ten fractions.

    In the number's unit.
    """
    return float(trial.falls(trial.only).mean())
