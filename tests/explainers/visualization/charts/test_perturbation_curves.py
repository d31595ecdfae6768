"""The perturbation curves of a faithfulness test."""

import numpy as np
import pytest

from explainers.visualization.charts.perturbation_curves import describe_curve, draw_curve
from explainers.visualization.text.escape import escape_plain
from tests.support.faithfulness import make_faithfulness


@pytest.mark.parametrize(("which", "first"), [("comprehensiveness", 0.0), ("sufficiency", 0.4)])
def test_curves_begin_at_0_percent_and_have_a_band_of_random_rankings(which, first):
    found = make_faithfulness()
    upper, lower, mean, own = draw_curve(found, which).data
    random = getattr(found.random, which)
    assert list(own.x) == [0, 0.25, 0.5, 0.75, 1]
    assert list(own.y) == pytest.approx([first, *getattr(found, which)])
    assert list(mean.y) == pytest.approx([first, *random.mean(0)])
    for edge, percent in ((upper, 97.5), (lower, 2.5)):
        assert list(edge.y) == pytest.approx([first, *np.percentile(random, percent, axis=0)])
    assert lower.fill == "tonexty"
    assert (own.name, mean.name, lower.name) == (
        "this explanation",
        "mean of random rankings",
        "95 % of random rankings",
    )


def test_the_figure_is_described_and_escaped():
    assert "at 25 % this explanation +0.50, random rankings" in describe_curve(make_faithfulness(), "comprehensiveness")
    assert "at 100 % this explanation 0" in describe_curve(make_faithfulness(), "sufficiency")
    evil = draw_curve(make_faithfulness(unit="<b>$x$</b>"), "comprehensiveness")
    assert evil.layout.yaxis.title.text == f"fall, in {escape_plain('<b>$x$</b>')}"
