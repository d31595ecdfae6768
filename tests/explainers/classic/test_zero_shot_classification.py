"""`ZeroShotClassificationExplainer`: the pipeline's probabilities, and a score for every token of the text."""

import inspect

import numpy as np
import pytest
import torch
from transformers import pipeline

from explainers import Bundle, ExplainerError, Request, explain
from explainers.classic import ZeroShotClassificationExplainer
from tests.support.explanations import ParsedHtml
from tests.support.nli import NLI, make_named
from tests.support.sentences import SENTENCES

TEXT = "The lake was quiet."
LABELS = ["music", "a great idea", "home"]
TEMPLATE = "this text is about {} ."


def explainer(kind="bert", names=NLI, **options):
    return ZeroShotClassificationExplainer(*make_named(kind, names), **options)


def test_the_call_is_the_one_that_users_of_transformers_interpret_know():
    parameters = inspect.signature(explainer().__call__).parameters
    known = {
        "embedding_type": 0,
        "hypothesis_template": TEMPLATE,
        "include_hypothesis": False,
        "internal_batch_size": None,
        "n_steps": None,
    }
    assert list(parameters)[:7] == ["text", "labels", *known]
    assert {name: parameters[name].default for name in known} == known


@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("names", [NLI, ("contradiction", "neutral", "Entailment")])
def test_the_probabilities_are_the_pipelines(names, multi):
    """transformers-interpret divided sigmoids by their sum, and knew no "Entailment"."""
    made = explainer(names=names)
    made(TEXT, LABELS, multi_label=multi)
    model, tokenizer = make_named("bert", names)
    said = pipeline("zero-shot-classification", model=model, tokenizer=tokenizer)
    right = said(TEXT, LABELS, hypothesis_template=TEMPLATE, multi_label=multi)
    assert made.predicted_label == right["labels"][0]
    assert dict(zip(LABELS, made.pred_probs, strict=True)) == pytest.approx(
        dict(zip(right["labels"], right["scores"], strict=True)), abs=1e-6
    )


@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("kind", ["bert", "roberta", "bart"])
def test_every_label_has_a_score_for_each_token_of_its_own_pair(kind, multi):
    """transformers-interpret lost the last token of the text."""
    made, (_, tokenizer) = explainer(kind), make_named(kind)
    whole = made(TEXT, LABELS, include_hypothesis=True, multi_label=multi, n_steps=20)
    hidden = made(TEXT, LABELS, multi_label=multi, n_steps=20)
    assert list(whole) == list(hidden) == LABELS
    beginning = len(tokenizer(TEXT)["input_ids"]) - 1
    for label in LABELS:
        ids = tokenizer(TEXT, TEMPLATE.replace("{}", label))["input_ids"]
        assert len(whole[label]) == len(ids)
        assert [token for token, _ in hidden[label]] == [token for token, _ in whole[label]][:beginning]
        for scores in (whole[label], hidden[label]):
            assert np.linalg.norm([score for _, score in scores]) == pytest.approx(1, abs=1e-6)
        specials = [i for i, token in enumerate(tokenizer.convert_ids_to_tokens(ids)) if token in ("[SEP]", "</s>")]
        assert [i for i, (token, _) in enumerate(whole[label]) if token in ("[SEP]", "</s>")] == specials


def test_the_scores_are_the_engines_l2_normalised():
    made = explainer()
    found = made(TEXT, LABELS)
    inputs = {"text": TEXT, "labels": ", ".join(LABELS), "template": TEMPLATE}
    right = explain(Request("zero_shot_classification", "x", inputs), bundle=Bundle.of(*make_named("bert")))
    for target, scores in zip(right.targets, right.scores, strict=True):
        own = [score for score, feature in zip(scores, right.features, strict=True) if not feature.special]
        mine = [score for _, score in found[target.label]][1:]
        np.testing.assert_allclose(mine, own / np.linalg.norm(own), atol=1e-6)


def test_n_steps_is_remembered_and_embedding_type_is_not():
    made = explainer()
    usual = made(TEXT, LABELS)
    made(TEXT, LABELS, n_steps=40)
    assert made.explanation.evaluations[0] <= 40 * len(LABELS) + 4  # each label has points of its own
    assert dict(made.explanation.request.params)["most_passes"] == "40"
    places = made(TEXT, LABELS, embedding_type=1, include_hypothesis=True)
    assert [len(scores) for scores in places.values()] == [
        len(make_named("bert")[1](TEXT, TEMPLATE.replace("{}", label))["input_ids"]) for label in LABELS
    ]
    assert made.n_steps == 40
    made.n_steps = 50
    assert made(TEXT, LABELS) == usual
    with pytest.warns(UserWarning, match="words are explained instead") as warned:
        explainer("bart")(TEXT, LABELS, embedding_type=1, n_steps=20)
    assert warned[0].filename == __file__


def test_a_model_with_unnamed_classes_needs_the_index_of_entailment():
    names = ("LABEL_0", "LABEL_1", "LABEL_2")
    with pytest.raises(ExplainerError, match="LABEL_0, LABEL_1, LABEL_2"):
        explainer(names=names)(TEXT, LABELS)
    told = explainer(names=names, entailment=0)
    assert told(TEXT, LABELS) == explainer()(TEXT, LABELS)


def test_invalid_labels_are_refused():
    made = explainer()
    for labels, why in (([], "labels is empty"), (iter(()), "labels is empty")):
        with pytest.raises(ValueError, match=why):
            made(TEXT, labels)
    with pytest.raises(ValueError, match="call the explainer first"):
        made.visualize()
    with pytest.raises(ValueError, match="no attribution type"):
        explainer(attribution_type="lgxa")


def test_a_long_text_is_truncated_and_the_hypothesis_is_not():
    made = explainer()
    text, tokenizer = " ".join(SENTENCES), make_named("bert")[1]
    found = made(text, ["home", "a wonderful cast"], include_hypothesis=True, n_steps=20, multi_label=True)
    for label, scores in found.items():
        right = tokenizer(text, TEMPLATE.replace("{}", label), truncation="only_first", max_length=128)["input_ids"]
        assert [token for token, _ in scores] == tokenizer.convert_ids_to_tokens(right)


def test_visualize_writes_a_heatmap_of_every_label(tmp_path):
    made = explainer()
    made(TEXT, LABELS, n_steps=20)
    page = made.visualize(str(tmp_path / "zero"))
    assert (tmp_path / "zero.html").read_text("utf-8") == page
    assert ParsedHtml(page).text("wf-map") == 3 * TEXT


def test_labels_may_be_one_text_or_an_array_and_entailment_an_index_of_torch():
    """A text was read letter by letter."""
    model, tokenizer = make_named("bert")
    right = ZeroShotClassificationExplainer(model, tokenizer)("the soup", labels=["food", "film"], n_steps=2)
    for labels in ("food, film", np.array(["food", "film"])):
        explainer = ZeroShotClassificationExplainer(model, tokenizer, entailment=torch.tensor(0))
        assert explainer("the soup", labels=labels, n_steps=np.int64(2)) == right


@pytest.mark.parametrize(
    "labels", [["a, b", "home"], ["home", "music", "home"], [" not", "home"], ["[1]", '["a"]'], [""]]
)
def test_any_labels_are_the_pipelines_whatever_signs_they_have(labels):
    made, (model, tokenizer) = explainer(), make_named("bert")
    found = made(TEXT, (label for label in labels), n_steps=20)
    said = pipeline("zero-shot-classification", model=model, tokenizer=tokenizer)(
        TEXT, labels, hypothesis_template=TEMPLATE
    )
    assert list(found) == list(dict.fromkeys(labels))
    assert made.labels == labels
    assert sorted(made.pred_probs) == pytest.approx(sorted(said["scores"]), abs=1e-6)
    assert made.predicted_label == said["labels"][0]


def test_a_string_of_labels_is_split_at_its_commas_as_in_the_pipeline():
    assert list(explainer()(TEXT, "home, music", n_steps=20)) == ["home", "music"]


@pytest.mark.parametrize("multi", [False, True])
def test_many_labels_have_the_scores_of_few(multi, monkeypatch):
    """More than 12 labels run one after the other, each with the gradients of its own logits."""
    together = explainer()(TEXT, LABELS, multi_label=multi, n_steps=20)
    monkeypatch.setattr("explainers.tasks._text_problem.MAX_GRAPHS", 2)
    apart = explainer()(TEXT, LABELS, multi_label=multi, n_steps=20)
    for label in LABELS:
        np.testing.assert_allclose([s for _, s in apart[label]], [s for _, s in together[label]], atol=1e-5)


def test_more_labels_than_a_page_allows_are_possible():
    labels = [f"kind {number}" for number in range(14)]
    made = explainer()
    assert list(made(TEXT, labels, n_steps=20)) == labels
    assert sum(made.pred_probs) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("template", ["{0} or {0}?", "{{}} is {}.", "this: {!s:>10}"])
def test_a_template_is_formatted_as_by_str_format(template):
    made = explainer()
    made(TEXT, ["home"], hypothesis_template=template, n_steps=20, include_hypothesis=True)
    assert made.hypothesis_text == template.format("home")
    pair = make_named("bert")[1](TEXT, made.hypothesis_text)["input_ids"]
    assert made.input_ids.tolist() == [pair]


@pytest.mark.parametrize("template", ["no place", "{} and {}", "{label}", "{0.__class__}", "{:>99999}", "} {}"])
def test_a_template_that_cannot_be_filled_is_a_value_error(template):
    with pytest.raises(ValueError, match=r"needs one \{\} where the label goes"):
        explainer()(TEXT, ["home"], hypothesis_template=template)


def test_the_class_of_entailment_is_found_when_the_explainer_is_made():
    made = explainer()
    assert (made.label_exists, made.entailment_key, made.entailment_idx) == (True, NLI[0], 0)
    assert made.attributions == made.labels == []
    with pytest.raises(ValueError, match="no class for entailment"):
        explainer(names=("a", "b", "c"))


def test_the_predicted_class_is_that_of_the_text_with_the_last_label():
    made, (model, tokenizer) = explainer(), make_named("bert")
    made(TEXT, LABELS, n_steps=20)
    logits = model(**tokenizer(TEXT, TEMPLATE.replace("{}", LABELS[-1]), return_tensors="pt")).logits
    assert made.predicted_class_index.item() == int(logits.argmax())
    assert made.predicted_class_name == NLI[int(logits.argmax())]
