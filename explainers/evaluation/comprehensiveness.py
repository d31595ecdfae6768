"""Comprehensiveness and sufficiency: areas over the perturbation curves (AOPC), as in ERASER."""

from ..registry import metric
from .perturbation import PerturbationTest


@metric("Comprehensiveness (AOPC)", paper="DeYoung et al. 2020, arXiv:1911.03429", better="high")
def comprehensiveness(test: PerturbationTest) -> float:
    """Measure how far the model's score falls when the words or squares ranked highest are removed.

    Mean of F(x) - F(x without the top k) over the fractions k of the test, in the unit of F.
    """
    return float(test.measure_falls(test.masks_without_top).mean())


@metric("Sufficiency", paper="DeYoung et al. 2020, arXiv:1911.03429", better="low")
def sufficiency(test: PerturbationTest) -> float:
    """Measure how far the model's score falls when only the words or squares ranked highest are kept.

    Mean of F(x) - F(only the top k) over the fractions k of the test, in the unit of F.
    """
    return float(test.measure_falls(test.masks_of_top).mean())
