"""Checks of a Faithfulness and its curves."""

import numpy as np
import pytest

from explainers.results.faithfulness import Curves
from tests.support.faithfulness import make_faithfulness


def test_curves_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="fractions"):
        make_faithfulness(fractions=np.array([0.5, 1.0]))
    with pytest.raises(ValueError, match="sufficiency"):
        Curves(np.zeros(3), np.zeros(2))
