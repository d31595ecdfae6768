"""Faithfulness objects with chosen numbers, for tests of their display."""

import math

import numpy as np

from explainers.request import Target
from explainers.results.faithfulness import Curves, Faithfulness, Measure
from tests.support.explanations import scored

RANDOM = np.linspace(-1, 1, 30)[:, None] * np.array([0.1, 0.2, 0.0, 0.0]) + np.array([0.1, 0.2, 0.3, 0.4])  # (R, K)


def make_measure(
    key: str = "comprehensiveness", value: float = 0.61, good: float = 1 / 31, bad: float = 1.0
) -> Measure:
    """Make a measure; `good` and `bad` are its probabilities for random rankings."""
    return Measure(key, key.capitalize(), "How far it falls.", "none", "high", value, 0.123, -0.01, 0.3, good, bad)


def make_faithfulness(measure: Measure | None = None, **changes: object) -> Faithfulness:
    """Make the faithfulness of a text of 8 words; `measure` replaces its comprehensiveness."""
    measure = measure or make_measure()
    defaults = {
        "request": scored().request,
        "row": 0,
        "target": Target("POSITIVE", 1),
        "unit": "probability",
        "signed": True,
        "piece": "word",
        "pieces": 8,
        "value": 0.98,
        "blank": 0.58,
        "fractions": np.array([0.25, 0.5, 0.75, 1.0]),
        "curves": Curves(np.array([0.5, 0.6, 0.7, 0.4]), np.array([0.1, 0.05, 0.02, 0.0])),
        "random": Curves(RANDOM, RANDOM[:, ::-1].copy()),
        "every_order": False,
        "measures": (
            measure,
            make_measure("leave_one_out", math.nan, 1.0, 1.0),
            make_measure("infidelity", 0.2, 0.5, 0.5),
        ),
    }
    return Faithfulness(**defaults | changes)
