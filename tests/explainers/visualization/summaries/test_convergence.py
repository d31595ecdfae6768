"""The convergence of an explanation and its cost, in words."""

import numpy as np
import pytest

from explainers.visualization.summaries.classification import describe_explanation
from explainers.visualization.summaries.convergence import describe_completeness, describe_cost, render_convergence
from tests.support.explanations import ParsedHtml, make_explanation


def half_explained(**changes):
    return make_explanation(scores=(0.2, 0.0, 0.0), baselines=np.array([0.58], np.float32), **changes)


@pytest.mark.parametrize(
    ("explanation", "words"),
    [
        (half_explained(), "Fixed steps: 50 % of the change from baseline to input is unexplained."),
        (half_explained(converged=(True,)), "Converged: 50 % of the change from baseline to input is unexplained."),
        (
            half_explained(converged=(False,)),
            "Not converged: 50 % of the change from baseline to input is unexplained.",
        ),
        (half_explained(additive=False), "Convergence delta: not defined."),
        (make_explanation(baselines=None), "Convergence delta: not defined."),
    ],
)
def test_the_unexplained_share_is_stated(explanation, words):
    assert words in describe_completeness(explanation)
    assert words in ParsedHtml(render_convergence(explanation)).text()


def test_the_bar_shows_the_explained_share():
    page = ParsedHtml(render_convergence(half_explained()))
    (bar,) = [attributes for _, attributes in page.elements if attributes.get("role") == "meter"]
    assert (bar["aria-valuemin"], bar["aria-valuenow"], bar["aria-valuemax"]) == ("0", "50.0", "100")
    assert ("i", {"style": "width:50.0%"}) in page.elements
    far = make_explanation(scores=(9.0, 0.0, 0.0), baselines=np.array([0.58], np.float32))
    assert ("i", {"style": "width:0.0%"}) in ParsedHtml(render_convergence(far)).elements
    assert not [
        attributes
        for _, attributes in ParsedHtml(render_convergence(half_explained(additive=False))).elements
        if "role" in attributes
    ]


def test_the_bar_warns_if_the_summary_calls_it_a_sketch():
    for explanation in (
        half_explained(),
        make_explanation(),
        make_explanation(converged=(False,)),
        make_explanation(converged=(True,)),
    ):
        warned = bool(ParsedHtml(render_convergence(explanation)).all("wf-warn"))
        assert warned == ("sketch" in describe_explanation(explanation))


def test_the_cost_and_the_mismatch_are_stated():
    spent = {"evaluations": (45, 40), "seconds": 1.26}
    sentence = describe_cost(make_explanation(**spent))
    assert sentence.startswith("Passes through the model: 45 forward, 40 backward, in 1.3 s. ")
    assert "equals it exactly" in sentence
    assert "differs from it by at most 2e-07" in describe_cost(make_explanation(mismatch=2.4e-7))
