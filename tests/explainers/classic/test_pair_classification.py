"""`PairwiseSequenceClassificationExplainer`: the interface of transformers-interpret and Captum's scores."""

import inspect

import numpy as np
import pytest
import torch

from explainers import ExplainerError
from explainers.classic import PairwiseSequenceClassificationExplainer
from tests.support.captum_reference import attribute_with_captum
from tests.support.explanations import ParsedHtml
from tests.support.nli import NLI, make_named
from tests.support.sentences import SENTENCES
from tests.support.tiny import CONFIGS

A, B = "The lake was quiet.", "The birds had the sky."
STEPS = 12


def explainer(kind="bert", names=NLI, custom_labels=None, **changes):
    return PairwiseSequenceClassificationExplainer(*make_named(kind, names, **changes), custom_labels=custom_labels)


def captums(kind, target, steps, names=NLI, sigmoid=False):
    """Captum on the word embeddings, pads between the special tokens, L2-normalised."""
    model, tokenizer = make_named(kind, names)
    inputs = tokenizer(A, B, return_tensors="pt", return_special_tokens_mask=True)
    special, ids = inputs.pop("special_tokens_mask").bool(), inputs.pop("input_ids")

    def score(ids):
        logits = model(ids, **{name: rows.expand(len(ids), -1) for name, rows in inputs.items()}).logits
        return logits.sigmoid() if sigmoid else logits.softmax(-1)

    blank = torch.where(special, ids, torch.full_like(ids, tokenizer.pad_token_id))
    scores = attribute_with_captum(model, score, ids, blank, target, steps)[0]
    return (scores / scores.norm()).tolist()


def test_the_call_is_the_one_that_users_of_transformers_interpret_know():
    parameters = inspect.signature(explainer().__call__).parameters
    assert list(parameters)[:2] == ["text1", "text2"]
    assert {name: parameter.default for name, parameter in list(parameters.items())[2:]} == {
        "index": None,
        "class_name": None,
        "embedding_type": 0,
        "internal_batch_size": None,
        "n_steps": None,
        "flip_sign": False,
    }


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_each_token_of_both_texts_has_captums_score(kind):
    made = explainer(kind)
    found = made(A, B, index=2, n_steps=STEPS)
    tokenizer = make_named(kind)[1]
    assert len(found) == len(tokenizer(A, B)["input_ids"])
    np.testing.assert_allclose([score for _, score in found], captums(kind, 2, STEPS), atol=1e-5)
    assert made.word_attributions == found


def test_the_class_is_chosen_by_index_then_by_name_then_by_the_model():
    made = explainer(custom_labels=["yes", "perhaps", "no"])
    made(A, B, n_steps=2)
    model, tokenizer = make_named("bert")
    right = model(**tokenizer(A, B, return_tensors="pt")).logits.detach().softmax(-1)[0]
    assert made.predicted_class_index == made.selected_index == int(right.argmax())
    assert made.predicted_class_name == ["yes", "perhaps", "no"][int(right.argmax())]
    for index, name in ((2, "yes"), (None, "no")):
        made(A, B, index, name, n_steps=2)
        assert made.selected_index == 2
        assert made.pred_probs == pytest.approx(float(right[2]), abs=1e-6)
    with pytest.warns(UserWarning, match="no class 'maybe'") as warned:
        made(A, B, class_name="maybe", n_steps=2)
    assert warned[0].filename == __file__
    assert made.predict(A, B).targets[0].probability == pytest.approx(float(right.max()), abs=1e-6)


def test_flip_sign_negates_the_scores_of_a_single_output_and_is_ignored_by_other_models():
    one = explainer(names=("relevant",))
    up = [score for _, score in one(A, B, n_steps=STEPS)]
    probability = one.pred_probs
    np.testing.assert_allclose(up, captums("bert", 0, STEPS, ("relevant",), sigmoid=True), atol=1e-5)
    np.testing.assert_allclose([s for _, s in one(A, B, n_steps=STEPS, flip_sign=True)], np.negative(up), atol=1e-6)
    assert one.pred_probs == probability
    three = explainer()
    assert three(A, B, index=1, n_steps=STEPS) == three(A, B, index=1, n_steps=STEPS, flip_sign=True)


def test_a_regression_is_not_forced_through_a_sigmoid():
    made = explainer(names=("similarity",), problem_type="regression")
    made(A, B, n_steps=STEPS)
    model, tokenizer = make_named("bert", ("similarity",), problem_type="regression")
    assert made.pred_probs == pytest.approx(
        float(model(**tokenizer(A, B, return_tensors="pt")).logits.detach()), abs=1e-5
    )


def test_positions_are_explained_by_embedding_type_1_or_words_with_a_warning():
    made = explainer()
    assert made(A, B, 1, embedding_type=1, n_steps=STEPS) != made(A, B, 1, n_steps=STEPS)
    bart = explainer("bart")
    with pytest.warns(UserWarning, match=r"The words are explained instead\.") as warned:
        found = bart(A, B, 1, embedding_type=1, n_steps=STEPS)
    assert warned[0].filename == __file__
    assert found == bart(A, B, 1, n_steps=STEPS)


def test_visualize_writes_both_texts_and_errors_are_ours(tmp_path):
    made = explainer()
    with pytest.raises(ValueError, match="call the explainer first"):
        made.visualize()
    with pytest.raises(ExplainerError, match="Second text is empty"):
        made(A, " ")
    made(A, B, n_steps=2)
    page = made.visualize(str(tmp_path / "pair"), true_class="neutral")
    assert (tmp_path / "pair.html").read_text("utf-8") == page
    assert ParsedHtml(page).text("wf-map") == A + B
    assert "True label: neutral." in ParsedHtml(page).text()


def test_a_pair_that_is_too_long_is_cut():
    made = explainer()
    assert len(made(" ".join(SENTENCES), " ".join(SENTENCES), n_steps=2)) == 128
