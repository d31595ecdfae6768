"""`QuestionAnsweringExplainer`: the interface of transformers-interpret and Captum's scores, without its bugs."""

import numpy as np
import pytest
import torch
from captum.attr import LayerIntegratedGradients

from explainers.classic import QuestionAnsweringExplainer
from explainers.errors import BadRequest
from tests.support.explanations import ParsedHtml
from tests.support.sentences import SENTENCES
from tests.support.tiny import tiny

QUESTION, TEXT = "What has holes?", SENTENCES[11]
STEPS = 4  # for tests that ask about something else than the numbers


def explainer(kind="bert"):
    return QuestionAnsweringExplainer(*tiny(kind, task="question_answering"))


def captums(kind, which, position, steps):
    """The reference: Captum on the word embeddings, pads between the special tokens, L2-normalised."""
    model, tokenizer = tiny(kind, task="question_answering")
    rows = tokenizer(QUESTION, TEXT, return_tensors="pt", return_special_tokens_mask=True)
    special = rows.pop("special_tokens_mask").bool()
    ids = rows.pop("input_ids")
    baseline = torch.where(special, ids, torch.full_like(ids, tokenizer.pad_token_id))

    def score(ids):
        output = model(ids, **{name: values.expand(len(ids), -1) for name, values in rows.items()})
        return getattr(output, which)[:, position]

    method = LayerIntegratedGradients(score, model.get_input_embeddings())
    scores = method.attribute(ids, baseline, n_steps=steps).sum(-1)[0]
    return (scores / scores.norm()).tolist()


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_start_and_end_have_captums_scores_at_the_same_steps(kind):
    made = explainer(kind)
    found = made(QUESTION, TEXT, n_steps=10)
    _, tokenizer = tiny(kind, task="question_answering")
    tokens = tokenizer(QUESTION, TEXT)["input_ids"]
    assert list(found) == ["start", "end"]
    for part, position in (("start", made.start_pos), ("end", made.end_pos)):
        right = captums(kind, f"{part}_logits", position, 10)
        np.testing.assert_allclose([score for _, score in found[part]], right, atol=1e-5)
        assert len(found[part]) == len(tokens)
        assert all(type(token) is str and type(score) is float for token, score in found[part])
    assert made.word_attributions == found


def test_the_answer_is_a_valid_span_of_the_texts_own_characters():
    """It was the tokens between two independent maxima, joined by spaces: nothing where they crossed."""
    made = explainer()
    for text in SENTENCES[8:14]:
        made(QUESTION, text, n_steps=STEPS)
        rows = tiny("bert", task="question_answering")[1](QUESTION, text, return_offsets_mapping=True)
        assert rows.sequence_ids(0)[made.start_pos] == rows.sequence_ids(0)[made.end_pos] == 1
        start, end = rows["offset_mapping"][made.start_pos][0], rows["offset_mapping"][made.end_pos][1]
        assert made.predicted_answer == text[start:end] != ""
        assert made.predicted_answer == made.predict(QUESTION, text).text


def test_the_model_explained_is_the_model_deployed():
    """Token types were written by hand, and the last [SEP] got that of the question."""
    made = explainer()
    made(QUESTION, TEXT, n_steps=STEPS)
    model, tokenizer = tiny("bert", task="question_answering")
    with torch.no_grad():
        right = model(**tokenizer(QUESTION, TEXT, return_tensors="pt"))
    rows = {target.label: row for row, target in enumerate(made.explanation.targets)}
    values = made.explanation.values
    assert float(values[rows["start"]]) == pytest.approx(float(right.start_logits[0, made.start_pos]), abs=1e-5)
    assert float(values[rows["end"]]) == pytest.approx(float(right.end_logits[0, made.end_pos]), abs=1e-5)


def test_embedding_type_1_explains_positions_and_any_other_words():
    made = explainer()
    words, same = made(QUESTION, TEXT, n_steps=STEPS), made(QUESTION, TEXT, embedding_type=0, n_steps=STEPS)
    places = made(QUESTION, TEXT, embedding_type=1, n_steps=STEPS)
    assert words == same
    assert dict(made.explanation.request.params)["embedding"] == "position"
    assert np.abs(np.subtract([s for _, s in words["end"]], [s for _, s in places["end"]])).max() > 0.01


def test_visualize_writes_the_page_that_it_returns(tmp_path):
    made = explainer()
    made(QUESTION, "The plot <img src=x onerror=alert(1)> has holes", n_steps=STEPS)
    page = made.visualize(str(tmp_path / "answer"))
    assert (tmp_path / "answer.html").read_text("utf-8") == page == page._repr_html_()
    assert "<img" not in page
    assert made.predicted_answer in ParsedHtml(page).text()


def test_properties_before_a_call_and_empty_inputs_raise_errors():
    made = explainer()
    with pytest.raises(ValueError, match="call the explainer first"):
        made.word_attributions  # noqa: B018
    with pytest.raises(ValueError, match="no attribution type 'lgxa'"):
        QuestionAnsweringExplainer(*tiny("bert", task="question_answering"), attribution_type="lgxa")
    with pytest.raises(BadRequest, match="Question is empty"):
        made("", TEXT)


def test_a_context_over_the_models_limit_is_split_into_windows():
    """It was a RuntimeError."""
    made = explainer()
    made(QUESTION, " ".join(SENTENCES), n_steps=2)
    assert "overlapping windows" in made.explanation.notices[0]
    assert made.predicted_answer in " ".join(SENTENCES)
