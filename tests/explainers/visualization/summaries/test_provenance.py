"""How an explanation was computed, and the code that computes it again."""

import pytest

from explainers.request import Picture, Request, Target
from explainers.visualization.summaries.provenance import list_provenance, write_code
from tests.support.explanations import AGAINST, make_explanation
from tests.support.image_explanations import explain_image, make_image, make_random_scores


def get_facts(**changes):
    return dict(list_provenance(make_explanation(**changes)))


def test_the_provenance_lists_method_values_and_settings():
    request = Request("text_classification", "sentiment", {"text": "good bad film"}, params={"tolerance": 0.01}, seed=7)
    listed = get_facts(request=request, about=(("model", "Sentiment"), ("torch", "2.13.0"), ("revision", "")))
    assert listed["Method"].startswith("Integrated gradients: ")
    assert "arXiv:1703.01365" in listed["Method"]
    assert listed["Explained"] == "POSITIVE, in probability"
    assert (listed["Value at the input"], listed["Value at the baseline"]) == ("0.98", "0.83")
    assert (listed["Tolerance"], listed["Seed"]) == ("0.01", "7")
    assert (listed["Model"], listed["Torch"]) == ("Sentiment", "2.13.0")
    assert "Revision" not in listed
    assert "Value at the baseline" not in get_facts(baselines=None)
    about = (("baseline", "pad"), ("unit", "probability"))
    assert get_facts(about=about)["Baseline"] == "pad"
    assert get_facts(about=about, baselines=None).keys() & {"Baseline", "Unit"} == {"Unit"}
    assert get_facts(target=AGAINST, unit="logit_margin")["Explained"] == (
        "POSITIVE rather than NEGATIVE, in logits, the first label's minus the second's"
    )


def test_an_unknown_method_keeps_its_key():
    request = Request("text_classification", "sentiment", {"text": "good bad film"}, method="future_gradients")
    assert get_facts(request=request)["Method"] == "future_gradients"


PARAMS = {
    "tolerance": 0.01,
    "most_passes": 300,
    "baseline": "mask",
    "baseline_text": "1.50",
    "other": True,
    "last": "1e3",
}


def test_the_code_has_only_settings_that_differ_from_defaults():
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
def test_the_code_makes_an_equal_request(asked):
    request = Request(
        **{"task": "text_classification", "model": "sentiment", "inputs": {"text": "good bad film"}} | asked
    )
    space: dict[str, object] = {}
    exec(write_code(make_explanation(text=request.texts["text"], request=request)).split("explanation =")[0], space)
    assert space["request"] == request


def test_the_code_of_an_image_imports_what_it_uses():
    image = {"image": Picture.of(make_image())}
    request = Request("image_classification", "m", image)
    code = write_code(explain_image(make_random_scores(1, 4, 4), request=request))
    space: dict[str, object] = {}
    exec(code.split("request =")[0], space)
    assert {"Path", "Request", "explain", "render_png", "Look"} <= set(space)
    assert "render_png(explanation, Look(" in code
