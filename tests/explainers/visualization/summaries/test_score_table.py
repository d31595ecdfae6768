"""Tables of scores, costs and faithfulness."""

import numpy as np
import pytest

from explainers.request import Request, Target
from explainers.results.faithfulness import Curves, Faithfulness, Measure
from explainers.visualization.summaries.score_table import list_costs, name_most_faithful
from tests.support.explanations import make_explanation

OTHER = Request("text_classification", "another", {"text": "a b c"})


def test_undefined_numbers_of_the_cost_table_are_none():
    known, unknown = make_explanation("a b c", [1, -2, 0.5]), make_explanation("a b c", [1, -2, 0.5], additive=False)
    first, second = list_costs(["A", "B"], [known, unknown], [0, 0], [None, None])
    assert first["map"] == "A"
    assert first["passes"] == sum(known.evaluations)
    assert first["unexplained"] == pytest.approx(float(np.asarray(known.relative_error)[0]))
    assert second["unexplained"] is None


def make_check(value, verdict=True, random=0.1):
    """Return a Faithfulness with this AOPC; `verdict` is whether it beats chance."""
    measure = Measure("comprehensiveness", "", "", "", "high", value, random, 0.0, 0.2, 0.01 if verdict else 0.5, 0.9)
    curves = Curves(np.full(2, value), np.full(2, 0.1))
    many = Curves(np.full((100, 2), random), np.full((100, 2), 0.1))
    told = (OTHER, 0, Target("POSITIVE"), "probability", True, "word", 9, 0.9, 0.1, np.array([0.5, 1.0]))
    return Faithfulness(*told, curves, many, False, (measure,))


def test_the_cost_table_has_faithfulness_only_if_all_have_one():
    maps = [make_explanation("a b c", [1, -2, 0.5])] * 2
    rows = list_costs(["A", "B"], maps, [0, 0], [make_check(0.4), make_check(0.2, verdict=False)])
    assert [(row["aopc"], row["random"], row["chance"]) for row in rows] == [
        (0.4, 0.1, "beats chance"),
        (0.2, 0.1, "cannot be distinguished from chance"),
    ]
    assert "aopc" not in list_costs(["A", "B"], maps, [0, 0], [make_check(0.4), None])[0]


def test_the_most_faithful_has_the_largest_gain_over_chance():
    said = name_most_faithful(
        ["A", "B", "C"],
        [make_check(0.4), make_check(0.5, random=0.3), make_check(0.9, verdict=False)],
    )
    assert said.startswith("A is the most faithful")
    assert "by 0.40 on average; random rankings lower it by 0.10. 2 of 3 explanations beat chance." in said
    assert name_most_faithful(["A"], [make_check(0.9, verdict=False)]) == "None of these explanations beats chance."
