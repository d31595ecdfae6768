"""Params are read from signatures, and their values are validated."""

from typing import Annotated, Literal

import pytest

from explainers import CARDS, METHODS, TASKS
from explainers.errors import BadRequest
from explainers.registry import FAMILIES, Param, Range, list_params, method, parse_params
from explainers.request import Request
from explainers.tasks.tokenization import ScoreParams
from explainers.visualization.summaries.model_card import list_methods


def example(
    problem: object,
    *,
    steps: Annotated[int, Range(2, 2_000), "How many points."] = 50,
    noise: Annotated[float, Range(0, 1)] = 0.1,
    norm: Annotated[Literal["signed", "L2"], "Which length."] = "signed",
    fast: bool = False,
    other_text: str = "",
) -> None:
    """Do nothing, e.g. as an example. And no more."""


PARAMS = {param.name: param for param in list_params(example)}


def test_the_params_of_a_function_are_read_from_its_signature():
    assert list(PARAMS) == ["steps", "noise", "norm", "fast", "other_text"]
    assert PARAMS["steps"] == Param("steps", int, 50, (), Range(2, 2_000), "How many points.")
    assert PARAMS["noise"] == Param("noise", float, 0.1, (), Range(0, 1), "")
    assert PARAMS["norm"] == Param("norm", str, "signed", ("signed", "L2"), None, "Which length.")
    assert PARAMS["fast"] == Param("fast", bool, False)
    assert PARAMS["other_text"].label == "Other text"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("steps", "2", 2),
        ("steps", "2000", 2000),
        ("noise", "0", 0.0),
        ("noise", "1", 1.0),
        ("noise", "1e-3", 0.001),
        ("norm", "L2", "L2"),
        ("fast", "true", True),
        ("fast", "false", False),
        ("other_text", "", ""),
        ("other_text", "<img>", "<img>"),
    ],
)
def test_a_value_is_parsed_to_the_type_of_its_param(name, text, value):
    read = PARAMS[name].parse(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "right"),
    [
        ("steps", "1", "a whole number from 2 to 2000"),
        ("steps", "2001", "a whole number from 2 to 2000"),
        ("steps", "2.0", "a whole number from 2 to 2000"),
        ("steps", "", "a whole number from 2 to 2000"),
        ("steps", "9" * 5000, "a whole number from 2 to 2000"),
        ("noise", "-0.1", "a number from 0 to 1"),
        ("noise", "nan", "a number from 0 to 1"),
        ("noise", "inf", "a number from 0 to 1"),
        ("noise", "a", "a number from 0 to 1"),
        ("norm", "l2", "one of signed, L2"),
        ("norm", "", "one of signed, L2"),
        ("fast", "True", "true or false"),
        ("fast", "1", "true or false"),
        ("fast", "", "true or false"),
    ],
)
def test_an_invalid_value_is_refused_with_the_allowed_values(name, text, right):
    with pytest.raises(BadRequest) as refused:
        PARAMS[name].parse(text)
    assert str(refused.value) == f"{PARAMS[name].label} cannot be {text[:40]!r}. Give {right}."


def test_settings_are_those_of_the_request_and_defaults_otherwise():
    assert parse_params("Example", PARAMS.values(), {"steps": "7", "fast": "true"}) == {
        "steps": 7,
        "noise": 0.1,
        "norm": "signed",
        "fast": True,
        "other_text": "",
    }
    with pytest.raises(BadRequest, match="Steps"):
        parse_params("Example", PARAMS.values(), {"steps": "x"})
    with pytest.raises(BadRequest, match="Example has no setting 'unknown'"):
        parse_params("Example", PARAMS.values(), {"unknown": "x"})


def test_a_decorated_function_is_unchanged_and_registered_under_its_name(monkeypatch):
    monkeypatch.setattr("explainers.registry.METHODS", {})
    from explainers.registry import METHODS as registered

    assert method("Example", paper="nobody 2026", needs=("gradients",), additive=True)(example) is example
    made = registered["example"]
    assert (made.label, made.paper, made.run, made.additive) == ("Example", "nobody 2026", example, True)
    assert made.needs == {"gradients"}
    assert made.params == tuple(PARAMS.values())
    assert made.summary.startswith("Do nothing")
    assert "example" not in METHODS


SHARED = [
    *[(key, method.params) for key, method in METHODS.items()],
    *[(key, task.params) for key, task in TASKS.items()],
]


@pytest.mark.parametrize(("key", "declared"), SHARED, ids=[key for key, _ in SHARED])
def test_every_default_is_allowed_by_its_param_and_survives_a_link(key, declared):
    params = {param.name: param.default for param in declared}
    written = Request("task", "model", {}, params=params).options
    assert parse_params(key, declared, written) == params
    assert all(type(param.default) is param.kind for param in declared)


@pytest.mark.parametrize("key", list(METHODS))
def test_no_method_shares_the_name_of_a_setting_with_a_task(key):
    for task in TASKS.values():
        names = [param.name for param in (*METHODS[key].params, *task.params)]
        assert len(names) == len(set(names))


def test_a_dataclass_declares_params_as_a_function_does():
    assert [param.name for param in list_params(ScoreParams)] == ["unit", "baseline", "baseline_text", "embedding"]
    assert all(param.help for param in list_params(ScoreParams))
    assert parse_params("", list_params(ScoreParams), {"baseline": "mask"}) == vars(ScoreParams(baseline="mask"))


def test_every_method_belongs_to_one_family_by_its_needs():
    families = {key: method.family for key, method in METHODS.items()}
    assert set(families.values()) == set(FAMILIES)
    assert families["saliency"] == families["grad_cam"] == families["layer_integrated_gradients"] == "gradients"
    assert families["attention_rollout"] == families["value_zeroing"] == "attention"
    assert families["lime"] == families["occlusion"] == families["kernel_shap"] == "parts"


def test_a_task_with_several_forward_passes_per_text_offers_no_method_that_needs_a_single_one():
    card = CARDS["nli"]
    pair, several = (
        {method.key for method in list_methods(card, task)}
        for task in ("pair_classification", "zero_shot_classification")
    )
    assert pair - several >= {"attention", "attention_rollout", "value_zeroing", "layer_gradient_x_activation"}
    assert several >= {"lime", "kernel_shap", "integrated_gradients", "discretized_integrated_gradients"}
