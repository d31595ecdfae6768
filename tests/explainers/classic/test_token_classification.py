"""`TokenClassificationExplainer`: the interface of transformers-interpret and Captum's scores, without its bugs."""

import numpy as np
import pytest
import torch
from captum.attr import LayerIntegratedGradients

from explainers.classic import TokenClassificationExplainer
from explainers.errors import BadRequest
from tests.support.explanations import ParsedHtml
from tests.support.sentences import SENTENCES
from tests.support.tiny import tiny

TEXT = "the film and the film"
STEPS = 4  # for tests that ask about something else than the numbers


def explainer(kind="bert"):
    return TokenClassificationExplainer(*tiny(kind, task="token_classification"))


def plain(kind, text=TEXT):
    """Token, class and probabilities of every position, by a plain forward pass."""
    model, tokenizer = tiny(kind, task="token_classification")
    rows = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        shares = model(**rows).logits[0].softmax(-1)
    return tokenizer.convert_ids_to_tokens(rows["input_ids"][0].tolist()), shares.argmax(-1).tolist(), shares


def captums(kind, position, index, steps):
    """The reference: Captum on the word embeddings, pads between the special tokens, L2-normalised."""
    model, tokenizer = tiny(kind, task="token_classification")
    rows = tokenizer(TEXT, return_tensors="pt", return_special_tokens_mask=True)
    special = rows.pop("special_tokens_mask").bool()
    ids = rows.pop("input_ids")
    baseline = torch.where(special, ids, torch.full_like(ids, tokenizer.pad_token_id))

    def score(ids):
        shared = {name: values.expand(len(ids), -1) for name, values in rows.items()}
        return model(ids, **shared).logits.softmax(-1)[:, position, index]

    method = LayerIntegratedGradients(score, model.get_input_embeddings())
    scores = method.attribute(ids, baseline, n_steps=steps).sum(-1)[0]
    return (scores / scores.norm()).tolist()


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_every_token_has_its_class_and_captums_scores_at_the_same_steps(kind):
    made = explainer(kind)
    found = made(TEXT, n_steps=10)
    tokens, classes, _ = plain(kind)
    assert len(found) == len(tokens)
    for position, (entry, index) in enumerate(zip(found.values(), classes, strict=True)):
        assert entry["label"] == f"LABEL_{index}"
        right = captums(kind, position, index, 10)
        np.testing.assert_allclose([score for _, score in entry["attribution_scores"]], right, atol=1e-4)
    assert made.word_attributions == found
    assert made.predicted_class_indexes.tolist() == classes
    assert made.predicted_class_names == [f"LABEL_{index}" for index in classes]


def test_repeated_tokens_are_numbered():
    """The dictionary was keyed by the token, and the last one overwrote the others."""
    found = explainer()(TEXT, n_steps=STEPS)
    tokens = [token for token, _ in next(iter(found.values()))["attribution_scores"]]
    assert [name.removesuffix(" (2)") for name in found] == tokens
    assert {"the", "the (2)"} <= set(found)
    one, other = ([s for _, s in found[name]["attribution_scores"]] for name in ("the", "the (2)"))
    assert np.abs(np.subtract(one, other)).max() > 1e-3


def test_ignored_indexes_and_labels_are_not_explained_but_predicted():
    made = explainer()
    tokens, classes, _ = plain("bert")
    every = list(made(TEXT, n_steps=STEPS))
    fewer = list(made(TEXT, n_steps=STEPS, ignored_indexes=[0, len(tokens) - 1, 2]))
    assert fewer == [name for place, name in enumerate(every) if place not in (0, 2, len(tokens) - 1)]
    label = made.predicted_class_names[1]
    left = made(TEXT, n_steps=STEPS, ignored_labels=[label])
    assert {entry["label"] for entry in left.values()} == {f"LABEL_{index}" for index in classes} - {label} != set()
    assert made.predicted_class_indexes.tolist() == classes


@pytest.mark.parametrize(
    "ignored", [{"ignored_labels": ["LABEL_0", "LABEL_1", "LABEL_2"]}, {"ignored_indexes": range(40)}]
)
def test_a_text_without_a_token_to_explain_gives_an_empty_result(tmp_path, ignored):
    """A loop over a corpus meets texts without names."""
    made = explainer()
    _, classes, _ = plain("bert")
    assert made(TEXT, n_steps=STEPS, **ignored) == made.word_attributions == made.attributions == {}
    assert made.predicted_class_indexes.tolist() == classes
    assert "No token of this text is explained" in made.visualize(tmp_path / "none.html")
    assert (tmp_path / "none.html").exists()
    assert made(TEXT, n_steps=STEPS)


def test_the_model_explained_is_the_model_deployed():
    """Its token types and its text were rewritten by hand."""
    made = explainer()
    made("U.S.A  3.14 (really?)", n_steps=STEPS)
    assert made.explanation.request.texts == {"text": "U.S.A  3.14 (really?)"}
    _, classes, shares = plain("bert", "U.S.A  3.14 (really?)")
    right = [float(shares[place, index]) for place, index in enumerate(classes)]
    np.testing.assert_allclose(made.explanation.values, right, atol=1e-6)


@pytest.mark.parametrize(
    "everything", [["LABEL_0", "LABEL_1", "LABEL_2"], np.arange(3), torch.arange(3), {0, 1, 2}, ["label_0", 1, 2]]
)
def test_nothing_is_explained_if_every_label_is_ignored(everything):
    made = explainer()
    made(TEXT, n_steps=STEPS)
    assert made(TEXT, ignored_labels=everything) == {} == made.word_attributions
    assert made.predicted_class_indexes.tolist() == plain("bert")[1]
    with pytest.raises(ValueError, match="no explanation"):
        _ = made.explanation


@pytest.mark.parametrize("given", [np.array([0, 2]), torch.tensor([0, 2]), (np.int64(0), 2), range(0, 3, 2), {0, 2}])
def test_ignored_indexes_may_be_an_array(given):
    assert list(explainer()(TEXT, n_steps=2, ignored_indexes=given)) == list(
        explainer()(TEXT, n_steps=2, ignored_indexes=[0, 2])
    )


def test_an_ignored_label_may_be_one_name_or_the_number_of_its_class():
    made = explainer()
    by_list = made(TEXT, n_steps=2, ignored_labels=["LABEL_2"])
    assert made(TEXT, n_steps=2, ignored_labels="LABEL_2") == made(TEXT, n_steps=2, ignored_labels=[2]) == by_list
    assert made(TEXT, n_steps=2, ignored_labels=np.array(2)) == by_list
    assert 0 < len(by_list) < len(made.predicted_class_names)


@pytest.mark.parametrize("wrong", [[7], [0.5], [None]])
def test_a_label_to_ignore_that_cannot_be_is_named(wrong):
    with pytest.raises(ValueError, match=str(wrong).strip("[]")):
        explainer()(TEXT, ignored_labels=wrong)


def test_visualize_writes_a_heatmap_per_token_and_the_true_classes(tmp_path):
    made = explainer()
    made("good <img src=x> film", n_steps=2, ignored_indexes=range(2, 40))
    tokens = len(made.explanation.features)
    page = made.visualize(str(tmp_path / "tokens"), true_classes=["O"] * tokens)
    assert (tmp_path / "tokens.html").read_text("utf-8") == page == page._repr_html_()
    assert "<img" not in page
    assert "True label: [CLS] O, g O, ##o O," in ParsedHtml(page).text()
    with pytest.raises(ValueError, match=f"1 true classes were given for {tokens} tokens"):
        made.visualize(true_classes=["O"])


def test_properties_before_a_call_and_empty_inputs_raise_errors():
    made = explainer()
    for name in ("word_attributions", "predicted_class_indexes", "predicted_class_names"):
        with pytest.raises(ValueError, match="call the explainer first"):
            getattr(made, name)
    with pytest.raises(ValueError, match="no attribution type 'lgxa'"):
        TokenClassificationExplainer(*tiny("bert", task="token_classification"), attribution_type="lgxa")
    with pytest.raises(BadRequest, match="Text is empty"):
        made(" ")


def test_a_text_over_the_limit_is_cut():
    """It was a RuntimeError."""
    made = explainer()
    made(" ".join(SENTENCES * 3), n_steps=2, ignored_indexes=range(1, 128))
    assert any("was not read" in notice for notice in made.explanation.notices)
    assert made.predicted_class_names[1:]
