"""The summary of an explanation of labels."""

import numpy as np
import pytest

from explainers.request import Target
from explainers.results.explanation import Prediction
from explainers.visualization.summaries.classification import describe_explanation
from tests.support.explanations import AGAINST, ParsedHtml, make_explanation


def summarize(**changes):
    return ParsedHtml(describe_explanation(make_explanation(**changes))).text()


def test_the_summary_names_the_prediction_and_the_strongest_words():
    assert (
        summarize()
        == "The model predicts POSITIVE (98 %). “good” pushes hardest towards it; “bad” pushes away from it."
    )
    assert summarize(scores=(0.1, -0.5, 0.3)).endswith("“bad” pushes hardest away from it; “film” pushes towards it.")
    assert summarize(scores=(0.5, -0.01, 0.0)).endswith("“good” pushes hardest towards it.")
    assert summarize(scores=(-0.5, 0.01, 0.0)).endswith("“good” pushes hardest away from it.")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scores": (0.0,)}, "Every word has the score 0."),
        ({"text": "a b c d e f", "scores": (0.1,)}, "No single word stands out"),
        ({"signed": False}, "“good” has the largest score."),
        ({"converged": (False,)}, "only a sketch: it did not converge."),
        ({"baselines": np.zeros(1, np.float32)}, "only a sketch: 85 % of the change is unexplained."),
        (
            {"target": Target("NEGATIVE", 0, probability=0.02)},
            "predicts POSITIVE (98 %). This explains NEGATIVE (2 %): “good”",
        ),
        (
            {"target": AGAINST},
            "This explains POSITIVE rather than NEGATIVE: “good” pushes hardest towards POSITIVE;",
        ),
        (
            {"text": "wow !!! so", "scores": (0.1, 0.9, -0.1)},
            "“wow” pushes hardest towards it; “so” pushes away from it.",
        ),
        ({"text": "wow 👍🏽 so", "scores": (0.1, 0.9, -0.1)}, "“👍🏽” pushes hardest towards it."),
        ({"text": "?!", "scores": (0.4,)}, "“?!” pushes hardest towards it."),
    ],
)
def test_the_summary_covers_each_case(changes, words):
    assert words in summarize(**changes)


def test_a_converged_explanation_is_not_a_sketch():
    assert "sketch" not in summarize(converged=(True,))


@pytest.mark.parametrize(
    ("probability", "shown"),
    [
        (0.98, " (98 %)"),
        (0.9951, " (> 99 %)"),
        (1.0, " (> 99 %)"),
        (0.0234, " (2.3 %)"),
        (1e-9, " (< 0.01 %)"),
        (0.0, " (0 %)"),
        (None, ""),
    ],
)
def test_a_probability_is_a_percentage(probability, shown):
    targets = (Target("POSITIVE", 1, probability=probability), Target("NEGATIVE", 0, probability=0.0))
    assert summarize(target=targets[0], prediction=Prediction(targets)).startswith(
        f"The model predicts POSITIVE{shown}."
    )


@pytest.mark.parametrize(("value", "shown"), [(0.5, "0.50"), (-3.2, "−3.20"), (2.31, "2.31")])
def test_a_regression_has_no_percentage(value, shown):
    target = Target("stars", 0, probability=value)
    words = summarize(unit="score", target=target, prediction=Prediction((target,)))
    assert words.startswith(f"The model gives stars {shown}. ")
    assert "%" not in words


def test_a_single_label_is_given_not_predicted():
    target = Target("toxic", 0, probability=0.2)
    assert summarize(target=target, prediction=Prediction((target,))).startswith("The model gives toxic (20 %).")
