"""`MultiLabelClassificationExplainer`: scores of every label in the model's order, and its arguments take effect."""

import inspect

import numpy as np
import pytest
import torch
from captum.attr import LayerIntegratedGradients

from explainers import ExplainerError
from explainers.classic import MultiLabelClassificationExplainer
from tests.support.explanations import ParsedHtml
from tests.support.nli import make_named
from tests.support.tiny import CONFIGS

TEXT = "The lake was quiet."
FEELINGS = ("joy", "anger", "fear", "love", "pride", "grief", "relief", "surprise")
STEPS = 12


def model_of(kind="bert"):
    return make_named(kind, FEELINGS, problem_type="multi_label_classification")


def explainer(kind="bert", **options):
    return MultiLabelClassificationExplainer(*model_of(kind), **options)


def captums(kind, steps):
    """Captum on the word embeddings, pads between the special tokens, a sigmoid of each label's own logit."""
    model, tokenizer = model_of(kind)
    inputs = tokenizer(TEXT, return_tensors="pt", return_special_tokens_mask=True)
    special, ids = inputs.pop("special_tokens_mask").bool(), inputs.pop("input_ids")

    def score(ids):
        return model(ids, **{name: rows.expand(len(ids), -1) for name, rows in inputs.items()}).logits.sigmoid()

    blank = torch.where(special, ids, torch.full_like(ids, tokenizer.pad_token_id))
    method = LayerIntegratedGradients(score, model.get_input_embeddings())
    rows = [method.attribute(ids, blank, target=i, n_steps=steps).sum(-1)[0] for i in range(len(FEELINGS))]
    return {name: (row / row.norm()).tolist() for name, row in zip(FEELINGS, rows, strict=True)}


def test_the_call_is_the_one_that_users_of_transformers_interpret_know():
    parameters = inspect.signature(explainer().__call__).parameters
    assert {name: p.default for name, p in parameters.items() if name != "text"} == {
        "embedding_type": 0,
        "internal_batch_size": None,
        "n_steps": None,
    }


@pytest.mark.parametrize("kind", [kind for kind in CONFIGS if kind != "bart"])
def test_every_label_has_captums_scores_in_the_models_own_order(kind):
    """transformers-interpret ignored n_steps and internal_batch_size."""
    made = explainer(kind)
    right = captums(kind, STEPS)
    for size in (None, 5):
        found = made(TEXT, n_steps=STEPS, internal_batch_size=size)
        assert list(found) == list(FEELINGS)
        for name, scores in found.items():
            np.testing.assert_allclose([score for _, score in scores], right[name], atol=1e-5)
    assert made.word_attributions == found


def test_embedding_type_selects_word_or_position_embeddings():
    """transformers-interpret passed it on as the name of a class."""
    made = explainer()
    assert made(TEXT, 1, n_steps=STEPS) != made(TEXT, 0, n_steps=STEPS)
    assert dict(made.explanation.request.params).get("embedding", "word") == "word"


def test_probabilities_are_sigmoids_and_the_highest_is_the_predicted_class():
    made = explainer()
    made(TEXT, n_steps=2)
    model, tokenizer = model_of()
    right = model(**tokenizer(TEXT, return_tensors="pt")).logits[0].detach().sigmoid()
    assert made.pred_probs_list == pytest.approx(right.tolist(), abs=1e-6)
    assert made.label_probs_dict == pytest.approx(dict(zip(FEELINGS, right.tolist(), strict=True)), abs=1e-6)
    assert made.predicted_class_index == int(right.argmax())
    assert made.predicted_class_name == FEELINGS[int(right.argmax())]
    assert [target.label for target in made.predict(TEXT).targets] == [FEELINGS[i] for i in right.argsort().flip(0)]


def test_custom_labels_name_the_rows_and_str_names_the_class():
    """transformers-interpret could not print it."""
    names = list("abcdefgh")
    made = explainer(custom_labels=names)
    assert list(made(TEXT, n_steps=2)) == names
    assert list(made.label_probs_dict) == names
    assert str(made).startswith("MultiLabelClassificationExplainer(\n\tmodel=")
    assert made.labels == names
    page = ParsedHtml(made.visualize())
    assert sorted(data for path, data in page.texts if path and path[-1][0] == "h2") == names


def test_a_model_that_chooses_one_label_is_explained_as_if_it_judged_each():
    """Training writes `problem_type` into the model's configuration, and that must not refuse it."""
    usual = explainer()(TEXT, n_steps=2)
    config = model_of()[0].config
    before = config.problem_type
    config.problem_type = "single_label_classification"
    try:
        made = explainer()
        assert made(TEXT, n_steps=2) == usual
        assert made.predict(TEXT).targets
        assert config.problem_type == "single_label_classification"
    finally:
        config.problem_type = before


def test_visualize_writes_a_heatmap_of_every_label(tmp_path):
    made = explainer()
    with pytest.raises(ExplainerError, match="Text is empty"):
        made("")
    made(TEXT, n_steps=2)
    page = made.visualize(str(tmp_path / "labels.html"), true_class="joy")
    assert (tmp_path / "labels.html").read_text("utf-8") == page
    assert ParsedHtml(page).text("wf-map") == 8 * TEXT
    headings = [data for path, data in ParsedHtml(page).texts if path and path[-1][0] == "h2"]
    assert sorted(headings) == sorted(FEELINGS)
