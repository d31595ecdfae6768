"""The sentence, the meter and the table of how it was computed: words that say what the numbers say."""

import numpy as np
import pytest

from explainers.request import Request, Target
from explainers.results.explanation import Prediction
from explainers.visualization.summaries.classification import describe_explanation
from explainers.visualization.summaries.convergence import describe_completeness, describe_cost, render_convergence
from explainers.visualization.summaries.provenance import list_provenance, write_code
from tests.support.explanations import AGAINST, ParsedHtml, make_explanation


def said(**changes):
    return ParsedHtml(describe_explanation(make_explanation(**changes))).text()


def test_the_sentence_names_the_answer_and_the_strongest_word_of_either_direction():
    assert said() == "The model predicts POSITIVE (98 %). “good” pushes hardest towards it; “bad” pushes away from it."
    assert said(scores=(0.1, -0.5, 0.3)).endswith("“bad” pushes hardest away from it; “film” pushes towards it.")
    assert said(scores=(0.5, -0.01, 0.0)).endswith("“good” pushes hardest towards it.")
    assert said(scores=(-0.5, 0.01, 0.0)).endswith("“good” pushes hardest away from it.")


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
def test_the_sentence_says_what_there_is_to_say(changes, words):
    assert words in said(**changes)


def test_a_map_that_converged_is_not_doubted():
    assert "sketch" not in said(converged=(True,))


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
    assert said(target=targets[0], prediction=Prediction(targets)).startswith(f"The model predicts POSITIVE{shown}.")


@pytest.mark.parametrize(("value", "shown"), [(0.5, "0.50"), (-3.2, "−3.20"), (2.31, "2.31")])
def test_a_regression_has_a_number_and_no_percentage(value, shown):
    target = Target("stars", 0, probability=value)
    words = said(unit="score", target=target, prediction=Prediction((target,)))
    assert words.startswith(f"The model gives stars {shown}. ")
    assert "%" not in words


def test_a_single_class_is_not_said_to_be_chosen():
    target = Target("toxic", 0, probability=0.2)
    assert said(target=target, prediction=Prediction((target,))).startswith("The model gives toxic (20 %).")


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
def test_the_meter_says_how_much_is_unexplained(explanation, words):
    assert words in describe_completeness(explanation)
    assert words in ParsedHtml(render_convergence(explanation)).text()


def test_the_meters_bar_is_the_share_that_is_explained():
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


def test_the_meter_warns_where_the_sentence_doubts():
    for explanation in (
        half_explained(),
        make_explanation(),
        make_explanation(converged=(False,)),
        make_explanation(converged=(True,)),
    ):
        warned = bool(ParsedHtml(render_convergence(explanation)).all("wf-warn"))
        assert warned == ("sketch" in describe_explanation(explanation))


def test_the_cost_and_the_proof_are_told_in_words():
    spent = {"evaluations": (45, 40), "seconds": 1.26}
    sentence = describe_cost(make_explanation(**spent))
    assert sentence.startswith("Passes through the model: 45 forward, 40 backward, in 1.3 s. ")
    assert "equals it exactly" in sentence
    assert "differs from it by at most 2e-07" in describe_cost(make_explanation(mismatch=2.4e-7))


def facts(**changes):
    return dict(list_provenance(make_explanation(**changes)))


def test_the_computation_is_told_from_its_own_settings():
    request = Request("text_classification", "sentiment", {"text": "good bad film"}, params={"tolerance": 0.01}, seed=7)
    told = facts(request=request, about=(("model", "Sentiment"), ("torch", "2.13.0"), ("revision", "")))
    assert told["Method"].startswith("Integrated gradients: ")
    assert "arXiv:1703.01365" in told["Method"]
    assert told["Explained"] == "POSITIVE, in probability"
    assert (told["Value at the input"], told["Value at the baseline"]) == ("0.98", "0.83")
    assert (told["Tolerance"], told["Seed"]) == ("0.01", "7")
    assert (told["Model"], told["Torch"]) == ("Sentiment", "2.13.0")
    assert "Revision" not in told
    assert "Value at the baseline" not in facts(baselines=None)
    about = (("baseline", "pad"), ("unit", "probability"))
    assert facts(about=about)["Baseline"] == "pad"
    assert facts(about=about, baselines=None).keys() & {"Baseline", "Unit"} == {"Unit"}
    assert facts(target=AGAINST, unit="logit_margin")["Explained"] == (
        "POSITIVE rather than NEGATIVE, in logits, the first label's minus the second's"
    )


def test_a_method_of_another_version_is_named_as_the_file_names_it():
    request = Request("text_classification", "sentiment", {"text": "good bad film"}, method="future_gradients")
    assert facts(request=request)["Method"] == "future_gradients"


PARAMS = {
    "tolerance": 0.01,
    "most_passes": 300,
    "baseline": "mask",
    "baseline_text": "1.50",
    "other": True,
    "last": "1e3",
}


def test_the_code_names_only_settings_that_differ_from_their_default_as_python_values():
    request = Request("text_classification", "sentiment", {"text": "good bad film"}, params=PARAMS)
    lines = write_code(make_explanation(request=request)).splitlines()
    written = "{'baseline': 'mask', 'baseline_text': '1.50', 'last': '1e3', 'other': True, 'tolerance': 0.01}"
    assert f"    params={written}," in lines
    assert not [line for line in lines if "seed" in line or "target" in line]
    usual = write_code(make_explanation(request=Request("text_classification", "sentiment", {"text": "good bad film"})))
    assert "params" not in usual


@pytest.mark.parametrize(
    "asked",
    [
        {"params": {"tolerance": 0.01, "baseline_text": "007", "baseline": "text"}, "seed": 3},
        {"target": Target("POSITIVE", foil='"><img>')},
        {"target": 1, "inputs": {"text": 'it\'s "quoted" \\ \u202e'}},
        {"params": {"most_passes": 10**25, "tolerance": "--5"}},
    ],
)
def test_the_code_makes_the_request_again(asked):
    request = Request(
        **{"task": "text_classification", "model": "sentiment", "inputs": {"text": "good bad film"}} | asked
    )
    space: dict[str, object] = {}
    exec(write_code(make_explanation(text=request.texts["text"], request=request)).split("explanation =")[0], space)
    assert space["request"] == request
