"""Every method works on every task that provides what it needs, and is refused with a reason elsewhere."""

import numpy as np
import pytest

from explainers import METHODS, TASKS, Bundle, Request, explain
from explainers.errors import BadRequest, Incompatible
from explainers.models.card import guess_provided
from tests.support.quick import choose_quick_settings
from tests.support.tiny import tiny

TEXT = "A wonderful cast and a clever story."
INPUTS = {
    "pair_classification": {"text_a": TEXT, "text_b": "The cast was fine."},
    "multi_label_classification": {"text": TEXT},
    "zero_shot_classification": {"text": TEXT, "labels": "cooking, sport"},
    "question_answering": {"question": "What was clever?", "context": TEXT},
    "token_classification": {"text": TEXT},
}
CASES = [
    (task, key)
    for task in INPUTS
    for key, method in METHODS.items()
    if method.needs <= guess_provided(task) and task in TASKS
]


def bundle_of(task):
    head = task if task in ("question_answering", "token_classification") else None
    changes = {"problem_type": "multi_label_classification"} if "multi" in task else {}
    return Bundle.of(*tiny("bert", wide=0.2, task=head, attn_implementation="eager", **changes))


@pytest.mark.parametrize(("task", "key"), CASES)
def test_a_method_explains_every_target_of_a_task_that_provides_what_it_needs(task, key):
    more = {"entailment": "LABEL_1"} if task == "zero_shot_classification" else {}
    request = Request(task, "tiny", INPUTS[task], key, params=choose_quick_settings(key) | more)
    explanation = explain(request, bundle=bundle_of(task))
    assert explanation.scores.shape == (len(explanation.targets), len(explanation.features))
    assert np.isfinite(explanation.scores[~np.isnan(explanation.scores)]).all()
    assert (np.nan_to_num(np.abs(explanation.scores)).sum(1) > 0).all()
    if explanation.additive and key in ("kernel_shap", "shapley_value_sampling"):
        np.testing.assert_allclose(explanation.delta, 0, atol=1e-4)
    if explanation.spread is not None:
        np.testing.assert_array_equal(np.isnan(explanation.spread), np.isnan(explanation.scores))


@pytest.mark.parametrize("key", [key for key in METHODS if key.startswith("allennlp")])
def test_allennlp_methods_refuse_units_other_than_probability(key):
    with pytest.raises(BadRequest, match="Set Unit to probability"):
        explain(
            Request("question_answering", "tiny", INPUTS["question_answering"], key, params={"unit": "logit"}),
            bundle=bundle_of("question_answering"),
        )


@pytest.mark.parametrize("key", ["kernel_shap", "shapley_value_sampling"])
def test_shapley_values_of_positions_sum_to_the_change_too(key):
    request = Request("token_classification", "tiny", INPUTS["token_classification"], key)
    explanation = explain(
        Request(
            request.task, "tiny", request.inputs, key, params={**choose_quick_settings(key), "embedding": "position"}
        ),
        bundle=bundle_of("token_classification"),
    )
    np.testing.assert_allclose(explanation.delta, 0, atol=1e-4)


def test_image_models_have_no_embedding_table():
    from tests.support.image_models import make_bundle, make_request

    with pytest.raises(Incompatible, match="table"):
        explain(make_request("discretized_integrated_gradients"), bundle=make_bundle("vit"))
