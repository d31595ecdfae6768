"""A pair of texts is explained as the model reads it: the pipeline's numbers, Captum's scores, both texts whole."""

from functools import wraps

import numpy as np
import pytest
import torch
from transformers import pipeline

from explainers import Bundle, Request, Target, explain, predict
from explainers.errors import BadRequest, Incompatible
from explainers.export.html import to_html
from explainers.export.serialize import from_json, to_csv, to_json
from explainers.tasks.tokenization import encode
from explainers.visualization.summaries.classification import describe_explanation
from explainers.visualization.text.spans import render_spans
from tests.support.explanations import ParsedHtml, mark_controls
from tests.support.nli import NLI, make_named
from tests.support.sentences import HOSTILE, SENTENCES
from tests.support.tiny import CONFIGS, tiny

A, B = SENTENCES[6], SENTENCES[10]
LONG = " ".join(SENTENCES * 3)  # about 600 words


def make_request(a=A, b=B, method="saliency", target=None, **params):
    return Request("pair_classification", "tiny", {"text_a": a, "text_b": b}, method, target, params)


def run_pipeline(bundle, a=A, b=B):
    classify = pipeline("text-classification", model=bundle.model, tokenizer=bundle.tokenizer, top_k=None)
    limit = bundle.embeddings.longest  # which these tokenizers do not know
    rows = classify({"text": a, "text_pair": b}, truncation=True, max_length=limit)
    return {row["label"]: row["score"] for row in rows}


@pytest.fixture(params=list(CONFIGS))
def bundle(request):
    return Bundle.of(*make_named(request.param))


@pytest.fixture
def nli():
    return Bundle.of(*make_named("bert"))


def test_the_explained_probability_is_the_pipelines(bundle):
    pairs = [(A, B), (B, A), (HOSTILE["arabic"], HOSTILE["emoji"]), (HOSTILE["image"], HOSTILE["special tokens"])]
    for a, b in pairs:
        deployed = run_pipeline(bundle, a, b)
        for label in NLI:
            assert (
                abs(float(explain(make_request(a, b, target=label), bundle=bundle).values[0]) - deployed[label]) < 1e-6
            )
        said = predict(make_request(a, b), bundle=bundle)
        assert [target.label for target in said.targets] == list(deployed)
        assert max(abs(target.probability - deployed[target.label]) for target in said.targets) < 1e-6


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
    bundle = Bundle.of(*tiny("bert", labels=labels, problem_type=kind))
    found = explain(make_request(), bundle=bundle)
    assert abs(float(found.values[0]) - run_pipeline(bundle)[found.targets[0].label]) < 1e-6


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_integrated_gradients_are_captums_at_a_thousand_steps(kind):
    bundle, pair = Bundle.of(*make_named(kind, wide=0.3)), ("The lake was quiet.", "The birds had the sky.")
    ours = explain(make_request(*pair, method="integrated_gradients", tolerance=0.001, most_passes=2000), bundle=bundle)
    captum = explain(make_request(*pair, method="layer_integrated_gradients", steps=1000), bundle=bundle)
    assert np.abs(captum.scores).sum() > 0.01
    assert ours.converged == (True,)
    assert np.abs(ours.scores - captum.scores).sum() < 0.01 * np.abs(captum.scores).sum()


def test_the_model_gets_the_tokenizers_own_types_masks_and_places(bundle, monkeypatch):
    """transformers-interpret gave the last [SEP] another type, and passes a pair to what is now a batch."""
    seen, forward = [], bundle.model.forward

    @wraps(forward)
    def watching(*args, **inputs):
        seen.append(inputs)
        return forward(*args, **inputs)

    explain(make_request(), bundle=bundle)
    monkeypatch.setattr(bundle.model, "forward", watching)
    explain(make_request(), bundle=bundle)
    right = bundle.tokenizer(A, B, return_tensors="pt")
    assert seen
    for inputs in seen:
        assert set(inputs) == set(right)
        assert all(torch.equal(tensor, right[name].expand_as(tensor)) for name, tensor in inputs.items())


@pytest.mark.parametrize("unit", ["probability", "logit", "log_odds"])
def test_a_contrast_of_classes_is_the_difference_of_their_scores(nli, unit):
    one, other, both = (
        explain(make_request(method="input_x_gradient", target=target, unit=unit), bundle=nli)
        for target in ("neutral", "contradiction", Target("neutral", foil="contradiction"))
    )
    np.testing.assert_allclose(both.scores, one.scores - other.scores, atol=1e-5)
    assert both.values[0] == pytest.approx(one.values[0] - other.values[0], abs=1e-5)
    assert both.targets[0].foil == "contradiction"


@pytest.mark.parametrize("target", ["maybe", 3, Target("neutral", foil="maybe")])
def test_an_unknown_class_is_refused_with_the_known_ones(nli, target):
    with pytest.raises(BadRequest, match="contradiction, entailment, neutral"):
        explain(make_request(target=target), bundle=nli)


@pytest.mark.parametrize(
    ("kind", "unit", "whole", "label"),
    [
        (None, "probability", 1, "not relevant"),
        (None, "logit", 0, "not relevant"),
        (None, "log_odds", 0, "not relevant"),
        ("regression", "probability", 0, "less relevant"),
    ],
)
def test_the_opposite_of_a_single_output_has_the_negated_scores(kind, unit, whole, label):
    bundle = Bundle.of(*make_named("bert", ("relevant",), problem_type=kind))
    up = explain(make_request(method="integrated_gradients", unit=unit), bundle=bundle)
    down = explain(make_request(method="integrated_gradients", unit=unit, towards="0"), bundle=bundle)
    np.testing.assert_allclose(down.scores, -up.scores, atol=1e-6)
    assert np.abs(up.scores).sum() > 0.01
    assert down.values[0] == pytest.approx(whole - up.values[0], abs=1e-6)
    assert (up.targets[0].label, down.targets[0].label) == ("relevant", label)
    assert down.prediction == up.prediction
    assert down.converged == (True,)


def test_a_model_with_several_outputs_ignores_the_direction(nli):
    up, down = (explain(make_request(target="neutral", towards=end), bundle=nli) for end in "10")
    np.testing.assert_array_equal(up.scores, down.scores)
    assert up.targets == down.targets


def test_the_number_of_a_regression_is_its_output_without_a_sigmoid():
    bundle = Bundle.of(*make_named("bert", ("similarity",), problem_type="regression"))
    with torch.no_grad():
        number = float(bundle.model(**bundle.tokenizer(A, B, return_tensors="pt")).logits)
    found = explain(make_request(), bundle=bundle)
    assert found.values[0] == pytest.approx(number, abs=1e-5)
    assert found.targets[0].probability == pytest.approx(number, abs=1e-5)
    assert not 0 <= number <= 1  # else a sigmoid's output could not be told from it
    assert found.unit == "score"


def test_the_sentence_names_the_prediction_and_the_explained_direction():
    relevant = Bundle.of(*make_named("bert", ("relevant",)))
    said = predict(make_request(), bundle=relevant).targets[0].probability
    text = ParsedHtml(describe_explanation(explain(make_request(towards="0"), bundle=relevant))).text()
    first, second = (f"{100 * share:.2g} %" for share in (said, 1 - said))
    assert text.startswith(f"The model gives relevant ({first}). This explains not relevant ({second}):")
    similar = Bundle.of(*make_named("bert", ("similarity",), problem_type="regression"))
    number = predict(make_request(), bundle=similar).targets[0].probability
    text = ParsedHtml(describe_explanation(explain(make_request(towards="0"), bundle=similar))).text()
    assert text.startswith(f"The model gives similarity {number:.2f}. This explains less similarity:".replace("-", "−"))


def test_both_texts_are_shown_whole_on_one_scale(nli):
    found = explain(make_request("Good, good film", "Good", method="integrated_gradients"), bundle=nli).by_word()
    page = ParsedHtml(render_spans(found))
    words = [feature.text for feature in found.features if not feature.special]
    assert words == ["Good", ",", "good", "film", "Good"]  # equal words stay apart
    assert page.text("wf-map") == "Good, good filmGood"
    scores = [abs(score) for feature, score in zip(found.features, found.scores[0], strict=True) if not feature.special]
    shown = [float(element["style"].removeprefix("--s:")) for element in page.all("wf-t")]
    np.testing.assert_allclose(shown, np.array(scores) / max(scores), atol=6e-4)


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_any_text_is_shown_as_it_was_typed(nli, kind):
    found = explain(make_request(HOSTILE[kind], B), bundle=nli)
    page = ParsedHtml(render_spans(found.by_word()))
    assert page.text("wf-map") == mark_controls(HOSTILE[kind]) + B
    assert not [tag for tag, _ in page.elements if tag in ("img", "script")]


@pytest.mark.parametrize(("a", "b", "name"), [("", B, "First text"), (A, "  \n", "Second text")])
def test_an_empty_text_is_refused_by_its_name(nli, a, b, name):
    with pytest.raises(BadRequest, match=f"{name} is empty"):
        explain(make_request(a, b), bundle=nli)


@pytest.mark.parametrize(("a", "b"), [(LONG, LONG), (LONG, B), (A, LONG)])
@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_pair_over_the_models_limit_is_cut_as_the_pipeline_cuts_it_with_a_notice(kind, a, b):
    bundle = Bundle.of(*make_named(kind))
    right = bundle.tokenizer(a, b, truncation=True, max_length=bundle.embeddings.longest)["input_ids"]
    found = explain(make_request(a, b), bundle=bundle)
    assert encode(bundle, {"text_a": a, "text_b": b}).inputs["input_ids"][0].tolist() == right
    assert len(found.features) == len(right) == bundle.embeddings.longest
    assert "was not read" in found.notices[0]
    deployed = run_pipeline(bundle, a, b)
    assert abs(float(found.values[0]) - deployed[found.targets[0].label]) < 1e-6
    unread = ParsedHtml(render_spans(found.by_word())).text("wf-unread")
    assert len(unread) > 40
    assert LONG.endswith(unread[-40:])


def test_a_model_for_another_task_is_refused_by_name():
    with pytest.raises(Incompatible, match="Choose one for pair classification"):
        explain(Request("pair_classification", "sentiment", {"text_a": A, "text_b": B}))


def test_an_explanation_of_a_pair_is_exported_as_json_csv_html_and_link(nli):
    request = make_request(method="integrated_gradients", target=Target("neutral", foil="entailment"), towards="0")
    found = explain(request, bundle=nli)
    assert from_json(to_json(found)) == found
    assert Request.from_query(request.to_query()) == request
    rows = to_csv(found).splitlines()[1:]
    assert {row.split(",")[1] for row in rows} == {'"text_a"', '"text_b"'}
    assert ParsedHtml(to_html(found)).text("wf-map") == A + B
