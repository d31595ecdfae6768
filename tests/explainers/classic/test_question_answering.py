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


def captums(kind, which, position, steps, embedding_type):
    """The reference: Captum, pads between the special tokens, L2-normalised.

    Type 0 are the words, 1 the positions, 2 the sum of all embeddings; of the latter, the baseline's positions are all
    the first, and its types all 0.
    """
    model, tokenizer = tiny(kind, task="question_answering")
    rows = tokenizer(QUESTION, TEXT, return_tensors="pt", return_special_tokens_mask=True)
    special = rows.pop("special_tokens_mask").bool()
    first = model.config.pad_token_id + 1 if kind == "roberta" else 0
    rows["position_ids"] = torch.arange(first, first + len(special[0]))[None]
    blank = {name: torch.zeros_like(ids) for name, ids in rows.items() if name != "attention_mask"}
    blank["input_ids"] = rows["input_ids"].where(special, tokenizer.pad_token_id)
    blank["position_ids"] += first
    embeddings = model.base_model.embeddings
    module = (embeddings.word_embeddings, embeddings.position_embeddings, embeddings)[embedding_type]
    names = (["input_ids"], ["position_ids"], list(blank))[embedding_type]
    rest = {name: ids for name, ids in rows.items() if name not in names}

    def score(*given):
        others = {name: ids.expand(len(given[0]), -1) for name, ids in rest.items()}
        return getattr(model(**dict(zip(names, given, strict=True)), **others), which)[:, position]

    ends = ([source[name] for name in names] for source in (rows, blank))
    scores = LayerIntegratedGradients(score, module).attribute(*map(tuple, ends), n_steps=steps).sum(-1)[0]
    return (scores / scores.norm()).tolist()


@pytest.mark.parametrize("embedding_type", [0, 1, 2])
@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_start_and_end_have_captums_scores_of_each_embedding_type_at_the_same_steps(kind, embedding_type):
    made = explainer(kind)
    found = made(QUESTION, TEXT, embedding_type, n_steps=10)
    _, tokenizer = tiny(kind, task="question_answering")
    tokens = tokenizer(QUESTION, TEXT)["input_ids"]
    assert list(found) == ["start", "end"]
    for part, position in (("start", made.start_pos), ("end", made.end_pos)):
        right = captums(kind, f"{part}_logits", position, 10, embedding_type)
        np.testing.assert_allclose([score for _, score in found[part]], right, atol=1e-5)
        assert len(found[part]) == len(tokens)
        assert all(type(token) is str and type(score) is float for token, score in found[part])
    assert made.word_attributions == found


def test_the_answer_is_a_valid_span_spelled_by_the_tokenizer():
    """It was the tokens between two independent maxima: nothing where they crossed."""
    made = explainer()
    for text in SENTENCES[8:14]:
        made(QUESTION, text, n_steps=STEPS)
        rows = tiny("bert", task="question_answering")[1](QUESTION, text, return_offsets_mapping=True)
        assert rows.sequence_ids(0)[made.start_pos] == rows.sequence_ids(0)[made.end_pos] == 1
        start, end = rows["offset_mapping"][made.start_pos][0], rows["offset_mapping"][made.end_pos][1]
        assert made.explanation.prediction.text == text[start:end] == made.predict(QUESTION, text).text != ""
        ids = rows["input_ids"][made.start_pos : made.end_pos + 1]
        assert made.predicted_answer == tiny("bert", task="question_answering")[1].decode(ids)


def test_a_whole_word_of_an_uncased_model_is_the_answer_in_lower_case():
    made = explainer()
    word = next(word for word in sorted(made.tokenizer.get_vocab()) if word.isalpha() and len(word) > 3)
    made(QUESTION, word.upper(), n_steps=1)
    assert made.predicted_answer == word


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


def test_the_sum_of_all_embeddings_is_the_default_and_any_other_type_means_words():
    made = explainer()
    assert made(QUESTION, TEXT, n_steps=STEPS) == made(QUESTION, TEXT, 2, n_steps=STEPS)
    assert dict(made.explanation.request.params)["embedding"] == "all"
    assert made.word_attributions["end"][-1][1] != 0  # its position and its type are not the first token's
    assert made(QUESTION, TEXT, 7, n_steps=STEPS) == made(QUESTION, TEXT, 0, n_steps=STEPS)
    with pytest.warns(UserWarning, match="The words are explained instead") as warned:
        found = explainer("bart")(QUESTION, TEXT, n_steps=STEPS)
    assert warned[0].filename == __file__
    assert found == explainer("bart")(QUESTION, TEXT, 0, n_steps=STEPS)


def test_visualize_writes_the_page_that_it_returns(tmp_path):
    made = explainer()
    made(QUESTION, "The plot <img src=x onerror=alert(1)> has holes", n_steps=STEPS)
    page = made.visualize(str(tmp_path / "answer"))
    assert (tmp_path / "answer.html").read_text("utf-8") == page == page._repr_html_()
    assert "<img" not in page
    assert made.explanation.prediction.text in ParsedHtml(page).text()


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
    assert made.explanation.prediction.text in " ".join(SENTENCES)
    assert made.decode(made.input_ids) == made.tokenizer.convert_ids_to_tokens(made.input_ids[0])
    assert made.input_ids.shape == (1, len(made.explanation.features))
