"""The explained model is the deployed model, and the scores are Captum's, on eight architectures."""

import threading

import numpy as np
import pytest
import torch
from transformers import pipeline

from explainers import METHODS, Bundle, ExplainerError, Request, Target, explain, predict
from explainers.errors import BadRequest, Incompatible, LimitReached, Mismatch, Overdue
from explainers.models.card import TEXT as CARD_TEXT
from tests.support.quick import choose_quick_settings
from tests.support.sentences import HOSTILE, SENTENCES
from tests.support.tiny import CONFIGS, tiny

KINDS = list(CONFIGS)
TEXT = SENTENCES[1]
TEXTUAL = [key for key, method in METHODS.items() if method.needs <= CARD_TEXT]

INSIDE = {"layer", "hidden", "attentions", "zeroing"}  # what is hooked; the rest of the methods only ask for scores
TOUCHED = [
    (kind, key)
    for key in TEXTUAL
    for kind in (KINDS if key == "integrated_gradients" or METHODS[key].needs & INSIDE else ("bert", "bart"))
]


def make_request(text=TEXT, method="integrated_gradients", target=None, seed=0, **params):
    return Request("text_classification", "tiny", {"text": text}, method, target, params, seed)


@pytest.fixture(params=KINDS)
def bundle(request):
    return Bundle.of(*tiny(request.param, attn_implementation="eager"))  # as models are loaded here


@pytest.fixture
def bert():
    return Bundle.of(*tiny("bert", attn_implementation="eager"))


def test_the_explained_probability_is_the_pipelines(bundle):
    classify = pipeline("text-classification", model=bundle.model, tokenizer=bundle.tokenizer, top_k=None)
    for text in (*SENTENCES[:4], *HOSTILE.values()):
        deployed = {row["label"]: row["score"] for row in classify([text])[0]}
        for index, label in enumerate(bundle.card.labels):
            found = explain(make_request(text, "saliency", index), bundle=bundle)
            assert abs(float(found.values[0]) - deployed[label]) < 1e-6
        for target in predict(make_request(text), bundle=bundle).targets:
            assert abs(target.probability - deployed[target.label]) < 1e-6


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("regression", 1),
        ("regression", 3),
        ("multi_label_classification", 3),
        ("single_label_classification", 3),
        (None, 1),
    ],
)
def test_the_number_explained_is_the_pipelines_for_every_kind_of_head(kind, labels):
    model, tokenizer = tiny("bert", labels=labels, problem_type=kind)
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None)
    deployed = {row["label"]: row["score"] for row in classify([TEXT])[0]}
    found = explain(make_request(), bundle=Bundle.of(model, tokenizer))
    assert abs(float(found.values[0]) - deployed[found.targets[0].label]) < 1e-6


def test_integrated_gradients_are_captums_at_a_thousand_steps(bundle):
    # float32 lets the random BART's probability be off by 1e-5, too much for a finer tolerance
    ours = explain(make_request(tolerance=0.005, most_passes=2000), bundle=bundle)
    captum = explain(make_request(method="layer_integrated_gradients", steps=1000), bundle=bundle)
    assert np.abs(captum.scores).sum() > 0.01  # a model that sees nothing would make any two maps equal
    assert float(captum.relative_error[0]) < 0.01
    assert ours.converged == (True,)
    assert np.abs(ours.scores - captum.scores).sum() < 0.005 * np.abs(captum.scores).sum()


@pytest.mark.parametrize("baseline", ["pad", "mask", "unk", "zeros", "mean", "text"])
def test_every_baseline_converges_and_leaves_special_tokens_where_they_are(bundle, baseline):
    found = explain(make_request(baseline=baseline, baseline_text="It rained.", most_passes=1000), bundle=bundle)
    assert found.converged == (True,)
    assert float(found.relative_error[0]) <= 0.005
    special = [feature.special for feature in found.features]
    np.testing.assert_allclose(found.scores[0][special], 0, atol=1e-6)


def test_a_text_as_its_own_baseline_explains_nothing(bert):
    found = explain(make_request(baseline="text", baseline_text=TEXT), bundle=bert)
    np.testing.assert_allclose(found.scores, 0, atol=1e-6)


def test_units_are_read_from_the_same_logits(bert):
    with torch.no_grad():
        logits = bert.model(**bert.tokenizer(TEXT, return_tensors="pt")).logits[0]
    odds = logits[1] - torch.logsumexp(logits[[0, 2]], 0)
    for unit, right in (("probability", logits.softmax(0)[1]), ("logit", logits[1]), ("log_odds", odds)):
        found = explain(make_request(method="saliency", target=1, unit=unit), bundle=bert)
        assert abs(float(found.values[0] - right)) < 1e-5


@pytest.mark.parametrize("unit", ["probability", "logit", "log_odds"])
def test_a_contrast_is_the_difference_of_the_scores_of_two_classes(bert, unit):
    names = bert.card.labels
    one, other, both = (
        explain(make_request(method="input_x_gradient", target=target, unit=unit), bundle=bert)
        for target in (names[0], names[1], Target(names[0], foil=names[1]))
    )
    np.testing.assert_allclose(both.scores, one.scores - other.scores, atol=1e-5)
    assert both.unit == f"{unit}_margin"


def test_a_class_is_found_by_name_by_index_and_whatever_its_case(bert):
    names = bert.card.labels
    by_name, by_index, lower = (
        explain(make_request(method="saliency", target=target), bundle=bert)
        for target in (names[2], 2, names[2].lower())
    )
    assert by_name.targets == by_index.targets == lower.targets


@pytest.mark.parametrize("target", ["nonsense", 3, -1, Target("LABEL_0", foil="nonsense")])
def test_an_unknown_class_is_refused_with_the_known_ones(bert, target):
    with pytest.raises(BadRequest, match="LABEL_0, LABEL_1, LABEL_2"):
        explain(make_request(target=target), bundle=bert)


def test_a_class_cannot_be_its_own_foil(bert):
    with pytest.raises(BadRequest, match="compared with itself"):
        explain(make_request(target=Target("LABEL_0", foil="LABEL_0")), bundle=bert)


def state(model):
    hooks = [
        len(getattr(module, name))
        for module in model.modules()
        for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    ]
    parameters = [(p.requires_grad, p.grad is None, float(p.detach().sum())) for p in model.parameters()]
    return hooks, parameters, model.training


@pytest.mark.parametrize(("bundle", "method"), TOUCHED, indirect=["bundle"])
def test_a_method_leaves_the_model_unchanged(bundle, method):
    explain(make_request(), bundle=bundle)  # transformers leaves hooks of its own behind its first call
    before = state(bundle.model)
    explain(make_request(method=method, **choose_quick_settings(method)), bundle=bundle)
    assert state(bundle.model) == before


@pytest.mark.parametrize(("bundle", "method"), TOUCHED, indirect=["bundle"])
def test_a_cancelled_run_leaves_the_model_unchanged(bundle, method):
    class Left(BaseException):
        pass

    def leave_late(what, share):
        calls.append(what)
        if len(calls) == 2:
            raise Left

    calls = []
    explain(make_request(), bundle=bundle)
    before = state(bundle.model)
    with pytest.raises(Left):
        explain(
            make_request(method=method, **choose_quick_settings(method)), bundle=bundle, batch=1, progress=leave_late
        )
    assert state(bundle.model) == before
    assert not bundle.lock.locked()


@pytest.mark.parametrize("method", TEXTUAL)
def test_eight_threads_on_one_model_give_the_same_scores_as_one(bert, method):
    few = choose_quick_settings(method)
    serial = [explain(make_request(text, method, **few), bundle=bert).scores for text in SENTENCES[:8]]
    found = [None] * 8
    threads = [
        threading.Thread(
            target=lambda i=i: found.__setitem__(i, explain(make_request(SENTENCES[i], method, **few), bundle=bert))
        )
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(one.scores, other) for one, other in zip(found, serial, strict=True))


def test_a_score_that_differs_from_the_models_own_is_refused(bert, monkeypatch):
    forward, word = bert.model.forward, bert.embeddings.word

    def forward_otherwise_if_watched(*args, **kwargs):
        output = forward(*args, **kwargs)
        output.logits = output.logits + len(word._forward_hooks)
        return output

    monkeypatch.setattr(bert.model, "forward", forward_otherwise_if_watched)
    with pytest.raises(Mismatch, match="differs from that of the model's own forward pass"):
        explain(make_request(target=0, unit="logit", method="saliency"), bundle=bert)


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_text_is_refused(bert, text):
    with pytest.raises(BadRequest, match=r"Text is empty\. Type a sentence\."):
        explain(make_request(text), bundle=bert)


def test_a_text_over_the_models_limit_is_cut_with_a_notice(bundle):
    found = explain(make_request(" ".join(SENTENCES * 3), "saliency"), bundle=bundle)
    assert "was not read" in found.notices[0]
    assert len(found.features) == bundle.embeddings.longest
    assert found.features[-1].special
    assert not explain(make_request(method="saliency"), bundle=bundle).notices


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"tolerance": 5}, "0.0001 to 0.2"),
        ({"tolerance": "nan"}, "0.0001 to 0.2"),
        ({"tolerance": "abc"}, "a number"),
        ({"most_passes": 10.5}, "a whole number"),
        ({"baseline": "nonsense"}, "one of pad, mask"),
        ({"steps": 5}, "no setting 'steps'"),
        ({"method": "magic"}, "no method 'magic'"),
    ],
)
def test_a_wrong_setting_is_refused_with_the_allowed_values(bert, changes, word):
    with pytest.raises(BadRequest, match=word):
        explain(make_request(**changes), bundle=bert)


def test_unknown_tasks_and_inputs_are_refused_by_name(bert):
    with pytest.raises(BadRequest, match="no task 'magic'"):
        explain(Request("magic", "tiny", {"text": "a"}), bundle=bert)
    with pytest.raises(BadRequest, match="no input 'premise'"):
        explain(Request("text_classification", "tiny", {"premise": "a"}), bundle=bert)


def test_limits_on_text_passes_and_time_have_their_own_errors(bert, monkeypatch):
    limits = {"WHEREFORE_TEXT_CHARACTERS": "20", "WHEREFORE_PASSES": "10", "WHEREFORE_SECONDS": "0"}
    from explainers.settings import read_settings

    monkeypatch.setattr("explainers.tasks.base.settings", lambda: read_settings(limits))
    with pytest.raises(LimitReached, match="at most 20 are allowed"):
        explain(make_request("a" * 21), bundle=bert)
    monkeypatch.undo()
    monkeypatch.setattr("explainers.engine.settings", lambda: read_settings({"WHEREFORE_PASSES": "10"}))
    with pytest.raises(LimitReached, match="at most 10 are allowed"):
        explain(make_request(), bundle=bert)
    monkeypatch.setattr("explainers.engine.settings", lambda: read_settings({"WHEREFORE_SECONDS": "0"}))
    with pytest.raises(Overdue):
        explain(make_request(), bundle=bert)


def test_captums_method_names_the_baselines_that_it_takes(bert):
    with pytest.raises(Incompatible, match="pad, mask, unk or a text"):
        explain(make_request(method="layer_integrated_gradients", baseline="zeros"), bundle=bert)


def test_positions_are_explained_if_the_model_has_a_table_of_them():
    found = explain(make_request(embedding="position"), bundle=Bundle.of(*tiny("bert")))
    assert found.converged == (True,)
    assert np.abs(found.scores).sum() > 0.01
    with pytest.raises(Incompatible, match="no table of position embeddings"):
        explain(make_request(embedding="position"), bundle=Bundle.of(*tiny("deberta-v2", position_biased_input=False)))


def test_every_error_of_ours_can_be_caught_as_one():
    assert all(issubclass(error, ExplainerError) for error in (BadRequest, Incompatible, LimitReached, Mismatch))
