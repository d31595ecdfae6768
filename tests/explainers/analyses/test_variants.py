"""Requests that differ in one thing: their fields, and that a link restores them."""

import pytest

from explainers import METHODS, TASKS, Request
from explainers.analyses.variants import COMPARISON_AXES, MOST_COMPARED, ComparisonRequest, list_baselines
from explainers.errors import BadRequest
from explainers.request import pack

BASE = Request(
    "text_classification",
    "sentiment",
    {"text": "a & b | c"},
    method="integrated_gradients",
    target="POSITIVE",
    params={"tolerance": 0.01, "unit": "logit"},
    seed=3,
)
OTHER = (("text", "another <b>text</b> | with 2. things"),)
VARIANTS = (
    ComparisonRequest("method", BASE, ("integrated_gradients", "saliency", "occlusion")),
    ComparisonRequest("model", BASE, ("sentiment", "owner/name@main", "/a folder/of mine")),
    ComparisonRequest("baseline", BASE, ("pad", "mask", "zeros")),
    ComparisonRequest("text", BASE, other=OTHER),
)


@pytest.mark.parametrize("variants", VARIANTS, ids=COMPARISON_AXES)
def test_a_link_restores_the_same_requests(variants):
    assert ComparisonRequest.from_query(variants.to_query()) == variants
    small = pack(variants.to_query())
    assert ComparisonRequest.from_query(small) == variants
    assert not [value for value in small.values() if "a & b" in value or "another" in value]


def test_requests_differ_only_in_the_chosen_thing():
    methods, models, ends, texts = (variants.requests for variants in VARIANTS)
    assert [request.method for request in methods] == ["integrated_gradients", "saliency", "occlusion"]
    assert [request.model for request in models] == ["sentiment", "owner/name@main", "/a folder/of mine"]
    assert [request.options["baseline"] for request in ends] == ["pad", "mask", "zeros"]
    assert [request.texts["text"] for request in texts] == ["a & b | c", OTHER[0][1]]
    for request in (*methods, *models, *ends, *texts):
        assert (request.target, request.seed, request.options["unit"]) == (BASE.target, 3, "logit")


def test_a_setting_goes_only_to_the_methods_that_have_it():
    first, second, _ = VARIANTS[0].requests
    assert first.options == {"tolerance": "0.01", "unit": "logit"}
    assert second.options == {"unit": "logit"}


def test_one_explanation_or_too_many_are_refused_and_duplicates_count_once():
    for names in ((), ("saliency",), ("saliency", "saliency"), tuple(map(str, range(MOST_COMPARED + 1)))):
        with pytest.raises(BadRequest, match="cannot be compared"):
            ComparisonRequest("method", BASE, names)
    assert ComparisonRequest("method", BASE, ("saliency", "occlusion", "saliency")).values == ("saliency", "occlusion")


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({"by": "colour"}, "colour"),
        ({}, "compared by ''"),
        ({"by": "method", "among": "saliency"}, "1 explanations"),
        ({"by": "baseline", "among": "pad|mask", "z": "damaged!"}, "damaged"),
    ],
)
def test_a_wrong_link_is_refused_with_the_reason(query, wrong):
    with pytest.raises(BadRequest, match=wrong):
        ComparisonRequest.from_query({"task": "text_classification"} | query)


def test_an_unknown_method_or_task_is_named_when_the_requests_are_made():
    for base, wrong in ((BASE, "tea leaves"), (Request("tasseography", "m", {}), "tasseography")):
        variants = ComparisonRequest("method", base, ("saliency", "tea leaves"))
        with pytest.raises(BadRequest, match=wrong):
            list(variants.requests)


def test_no_setting_has_the_name_of_a_query_key_of_comparisons():
    known = {param.name for part in (*METHODS.values(), *TASKS.values()) for param in part.params}
    assert not known & {"by", "among"}


def test_baselines_are_listed_from_the_default_on_without_the_text_of_ones_own():
    assert list_baselines("text_classification") == ("pad", "mask", "unk", "zeros", "mean")
    assert list_baselines("image_classification")[0] == "grey"
