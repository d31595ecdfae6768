"""Requests that differ in one thing: what each asks, and that a link brings them back."""

import pytest

from explainers import METHODS, TASKS, Request
from explainers.analyses.variants import DIFFERENCES, MOST, ComparisonRequest, list_baselines
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


@pytest.mark.parametrize("variants", VARIANTS, ids=DIFFERENCES)
def test_a_link_brings_the_same_requests_back(variants):
    assert ComparisonRequest.from_query(variants.to_query()) == variants
    small = pack(variants.to_query())
    assert ComparisonRequest.from_query(small) == variants
    assert not [value for value in small.values() if "a & b" in value or "another" in value]


def test_requests_differ_in_what_they_are_said_to_and_in_nothing_else():
    methods, models, ends, texts = (variants.requests for variants in VARIANTS)
    assert [request.method for request in methods] == ["integrated_gradients", "saliency", "occlusion"]
    assert [request.model for request in models] == ["sentiment", "owner/name@main", "/a folder/of mine"]
    assert [request.options["baseline"] for request in ends] == ["pad", "mask", "zeros"]
    assert [request.texts["text"] for request in texts] == ["a & b | c", OTHER[0][1]]
    for request in (*methods, *models, *ends, *texts):
        assert (request.target, request.seed, request.options["unit"]) == (BASE.target, 3, "logit")


def test_a_setting_goes_to_the_methods_that_know_it():
    first, second, _ = VARIANTS[0].requests
    assert first.options == {"tolerance": "0.01", "unit": "logit"}
    assert second.options == {"unit": "logit"}


def test_one_map_or_too_many_are_no_comparison_and_the_same_one_counts_once():
    for names in ((), ("saliency",), ("saliency", "saliency"), tuple(map(str, range(MOST + 1)))):
        with pytest.raises(BadRequest, match="cannot be compared side by side"):
            ComparisonRequest("method", BASE, names)
    assert ComparisonRequest("method", BASE, ("saliency", "occlusion", "saliency")).values == ("saliency", "occlusion")


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({"by": "colour"}, "colour"),
        ({}, "do not differ by ''"),
        ({"by": "method", "among": "saliency"}, "1 maps"),
        ({"by": "baseline", "among": "pad|mask", "z": "damaged!"}, "damaged"),
    ],
)
def test_a_link_that_makes_no_sense_says_what_is_wrong(query, wrong):
    with pytest.raises(BadRequest, match=wrong):
        ComparisonRequest.from_query({"task": "text_classification"} | query)


def test_what_does_not_exist_is_named_when_its_requests_are_made():
    for base, wrong in ((BASE, "tea leaves"), (Request("tasseography", "m", {}), "tasseography")):
        variants = ComparisonRequest("method", base, ("saliency", "tea leaves"))
        with pytest.raises(BadRequest, match=wrong):
            list(variants.requests)


def test_the_names_in_a_link_are_no_settings_of_any_method_or_task():
    known = {param.name for part in (*METHODS.values(), *TASKS.values()) for param in part.params}
    assert not known & {"by", "among"}


def test_a_tasks_baselines_begin_with_its_default_and_need_nothing_else():
    assert list_baselines("text_classification") == ("pad", "mask", "unk", "zeros", "mean")
    assert list_baselines("image_classification")[0] == "grey"
