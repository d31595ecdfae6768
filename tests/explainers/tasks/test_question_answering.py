"""Answers: the probabilities of a plain forward pass, valid spans, and their explanations."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForQuestionAnswering

from explainers import Bundle, Request, Target, explain, predict
from explainers.errors import BadRequest, Incompatible
from explainers.export.html import to_html
from explainers.export.serialize import from_json, to_csv, to_json
from explainers.tasks import TASKS
from explainers.tasks._answer_spans import PARTS, compute_scores, score_spans
from explainers.visualization.text.segments import split_segments
from tests.support.sentences import HOSTILE, SENTENCES
from tests.support.tiny import CONFIGS, tiny

KINDS = [*CONFIGS, "gpt2", "mpnet"]
QUESTION = "What is it that the plot has?"
CONTEXT = SENTENCES[11]
LONG = " ".join(SENTENCES)
SOME = {"emoji", "arabic", "mixed directions", "combining", "tabs and lines", "image", "controls", "special tokens"}


def make_request(context=CONTEXT, method="integrated_gradients", target=None, question=QUESTION, **params):
    return Request("question_answering", "tiny", {"question": question, "context": context}, method, target, params)


@pytest.fixture(params=KINDS)
def bundle(request):
    return Bundle.of(*tiny(request.param, task="question_answering"))


@pytest.fixture
def bert():
    return Bundle.of(*tiny("bert", task="question_answering"))


def list_answers(bundle, context, question=QUESTION, longest=30):
    """Return every answer of a plain forward pass with its words and probabilities, by numpy alone, best first."""
    rows = bundle.tokenizer(question, context, return_tensors="pt", return_offsets_mapping=True)
    names = [name for name in bundle.tokenizer.model_input_names if name in rows]
    with torch.no_grad():
        output = bundle.model(**{name: rows[name] for name in names})
    inside = [i for i, part in enumerate(rows.sequence_ids(0)) if part == 1]
    offsets = rows["offset_mapping"][0][inside].tolist()
    start, end = (softmax(logits[0, inside].double().numpy()) for logits in (output.start_logits, output.end_logits))
    both = np.triu(np.outer(start, end)) - np.triu(np.outer(start, end), longest)
    ordered = sorted(np.argwhere(both > 0).tolist(), key=lambda pair: -both[tuple(pair)])
    return [
        (context[offsets[i][0] : offsets[j][1]].strip(), both[i, j], start[i], end[j], inside[i], inside[j])
        for i, j in ordered
    ]


def softmax(logits):
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def test_the_answer_and_its_probabilities_are_those_of_a_plain_forward_pass(bundle):
    for context in (CONTEXT, SENTENCES[5], *[HOSTILE[name] for name in SOME]):
        words, both, start, end, first, last = next(row for row in list_answers(bundle, context) if row[0])
        found = explain(make_request(context, "saliency"), bundle=bundle)
        assert [target.label for target in found.targets] == list(PARTS)
        np.testing.assert_allclose(found.values, [both, start, end], atol=1e-6)
        np.testing.assert_allclose([target.probability for target in found.targets], [both, start, end], atol=1e-6)
        assert [target.position for target in found.targets] == [None, first, last]
        assert found.prediction.text == words
        assert {target.text for target in found.targets} == {words}
        assert found.prediction == predict(make_request(context), bundle=bundle)


def test_a_prediction_has_the_most_probable_distinct_spans(bundle):
    found = predict(make_request(), bundle=bundle)
    right = {}
    for words, both, *_ in list_answers(bundle, CONTEXT):
        right.setdefault(words, both)
    best = [(words, both) for words, both in right.items() if words][:10]
    own = {target.label: target.probability for target in found.targets if not target.label.endswith(")")}
    assert len(found.targets) == 10
    assert len({target.label for target in found.targets}) == 10
    for words, both in best[: len(own)]:
        assert own[words] == pytest.approx(both, abs=1e-6)
    assert [t.probability for t in found.targets] == sorted((t.probability for t in found.targets), reverse=True)


@pytest.mark.parametrize(("kind", "wide"), [("bert", 0.4), ("roberta", 0.4), ("deberta-v2", 0.4), ("bart", 0.2)])
def test_integrated_gradients_are_captums_at_a_thousand_steps(kind, wide):
    bundle = Bundle.of(*tiny(kind, wide=wide, task="question_answering"))
    short = {"question": "What has holes?", "context": "The plot has holes."}
    ours = explain(make_request(**short, tolerance=0.001, most_passes=2000), bundle=bundle)
    captum = explain(make_request(**short, method="layer_integrated_gradients", steps=1000), bundle=bundle)
    assert ours.converged == (True, True, True)
    for row in range(3):
        assert np.abs(captum.scores[row]).sum() > 1e-4
        assert float(captum.relative_error[row]) < 0.01
        assert np.abs(ours.scores[row] - captum.scores[row]).sum() < 0.01 * np.abs(captum.scores[row]).sum()


def test_one_forward_pass_serves_start_end_and_answer(bert):
    found = explain(make_request(method="input_x_gradient"), bundle=bert)
    assert found.evaluations == (2, 3)  # the text to compare with what the model says, and for its gradients


def test_an_answer_lies_in_the_context_starts_before_it_ends_and_is_no_longer_than_allowed(bundle):
    for longest in (1, 3):
        for target in predict(make_request(longest_answer=longest), bundle=bundle).targets:
            words = target.label.rsplit(" (", 1)[0]
            assert words in CONTEXT
        best = next(row for row in list_answers(bundle, CONTEXT, longest=longest) if row[0])
        assert predict(make_request(longest_answer=longest), bundle=bundle).targets[0].probability == pytest.approx(
            best[1], abs=1e-6
        )


def test_an_answer_cannot_end_before_it_starts():
    """transformers-interpret joined the tokens between them: nothing, or words of the question."""
    starts, ends = torch.tensor([[0.0, 1.0, 5.0, 0.0]]), torch.tensor([[5.0, 0.0, 1.0, 2.0]])
    table = score_spans(starts[0], ends[0], 4)
    place = divmod(int(table.argmax()), 4)
    assert place == (2, 1)  # from token 2 to token 3, though the best end of all is token 0
    assert [row.tolist() for row in torch.isinf(table)] == [[False] * (4 - c) + [True] * c for c in range(4)]


def test_an_answer_is_a_span_of_the_contexts_characters(bert):
    context = "  The  PLOT has\tholes,\nthat a bus…  could drive through. "
    for target in predict(make_request(context), bundle=bert).targets:
        assert target.label.rsplit(" (", 1)[0] in context
        assert "##" not in target.label
        assert target.label == target.label.strip()


@pytest.mark.parametrize("unit", ["probability", "logit", "log_odds"])
def test_units_are_read_from_the_same_logits(bert, unit):
    _, both, start, end, first, last = list_answers(bert, CONTEXT)[0]
    with torch.no_grad():
        output = bert.model(**bert.tokenizer(QUESTION, CONTEXT, return_tensors="pt"))
    logits = float(output.start_logits[0, first]), float(output.end_logits[0, last])
    right = {
        "probability": (both, start, end),
        "logit": (sum(logits), *logits),
        "log_odds": tuple(np.log(p / (1 - p)) for p in (both, start, end)),
    }
    found = explain(make_request(method="saliency", unit=unit), bundle=bert)
    np.testing.assert_allclose(found.values, right[unit], rtol=1e-4)
    assert found.unit == unit


def test_log_odds_stay_finite_for_an_almost_certain_answer():
    starts, ends = torch.tensor([[40.0, 0.0, 0.0]]), torch.tensor([[0.0, 60.0, 0.0]])
    both, start, end = compute_scores(starts, ends, 0, 1, "log_odds")[0].tolist()
    assert start == pytest.approx(40 - np.log(2))
    assert end == pytest.approx(60 - np.log(2))
    assert both == pytest.approx(start, abs=1e-4)  # the less certain of the two decides


def test_a_contrast_of_answers_is_the_difference_of_their_scores(bert):
    first, second = (target.label for target in predict(make_request(), bundle=bert).targets[:2])
    for unit in ("probability", "logit", "log_odds"):
        one, other, both = (
            explain(make_request(method="input_x_gradient", target=target, unit=unit), bundle=bert)
            for target in (first, second, Target(first, foil=second))
        )
        np.testing.assert_allclose(both.values, one.values - other.values, atol=1e-5)
        np.testing.assert_allclose(both.scores, one.scores - other.scores, atol=1e-4)
        assert both.unit == f"{unit}_margin"
        assert {target.foil for target in both.targets} == {second}
    with pytest.raises(BadRequest, match="cannot be compared with itself"):
        explain(make_request(target=Target(first, foil=first)), bundle=bert)


def test_any_words_of_the_context_can_be_explained(bert):
    right = {words: row for words, *row in reversed(list_answers(bert, CONTEXT))}
    for words in ("holes", "a bus", "The plot"):
        found = explain(make_request(method="saliency", target=words.upper()), bundle=bert)
        assert {target.text for target in found.targets} == {words}
        np.testing.assert_allclose(found.values, right[words][:3], atol=1e-6)
    with pytest.raises(BadRequest, match="'a tram' do not occur in the context"):
        explain(make_request(target="a tram"), bundle=bert)
    with pytest.raises(BadRequest, match="by its words"):
        explain(make_request(target=Target(position=3)), bundle=bert)


def test_equal_words_at_several_places_are_numbered(bert):
    context = "the, the, the, the"
    targets = predict(make_request(context, longest_answer=1), bundle=bert).targets
    labels = [target.label for target in targets if target.label.startswith("the")]
    assert labels == ["the", "the (2)", "the (3)", "the (4)"]
    starts = set()
    for label in labels:
        found = explain(make_request(context, "saliency", label, longest_answer=1), bundle=bert)
        assert found.targets[0].probability == next(t.probability for t in targets if t.label == label)
        starts.add(found.targets[1].position)
    assert len(starts) == 4


def test_a_notice_says_if_no_answer_is_more_probable(bert):
    for context in SENTENCES[:6]:
        with torch.no_grad():
            output = bert.model(**bert.tokenizer(QUESTION, context, return_tensors="pt"))
        null = float(output.start_logits[0, 0] + output.end_logits[0, 0])
        best = float(explain(make_request(context, "saliency", unit="logit"), bundle=bert).values[0])
        notices = explain(make_request(context, "saliency"), bundle=bert).notices
        assert any("the context has no answer" in notice for notice in notices) == (null > best)


def test_a_bias_towards_the_first_token_makes_no_answer_more_probable():
    model, tokenizer = tiny("bert", task="question_answering", wide=0.41)
    bundle = Bundle.of(model, tokenizer)
    forward = model.forward

    def doubting(*args, **inputs):
        output = forward(*args, **inputs)
        at_first = torch.zeros_like(output.start_logits)
        at_first[:, 0] = 100
        output.start_logits = output.start_logits + at_first
        return output

    model.forward = doubting
    try:
        notices = explain(make_request(method="saliency"), bundle=bundle).notices
    finally:
        model.forward = forward
    assert any("the context has no answer" in notice for notice in notices)


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_texts_are_answered_from_their_own_characters(bert, name):
    found = explain(make_request(HOSTILE[name], "input_x_gradient", question=HOSTILE[name]), bundle=bert)
    assert np.isfinite(found.scores).all()
    assert all(t.label.rsplit(" (", 1)[0] in HOSTILE[name] for t in found.prediction.targets)
    for field in ("question", "context"):
        assert "".join(piece.text for piece in split_segments(found, field)) == HOSTILE[name]
    assert "<img" not in to_html(found)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"context": ""}, "Context is empty"),
        ({"question": "  "}, "Question is empty"),
        ({"context": "\u200b"}, "context has no token"),
        ({"longest_answer": 0}, "1 to 200"),
        ({"unit": "log_odds", "context": "bus"}, "single token"),
    ],
)
def test_requests_that_cannot_be_answered_are_refused_with_the_reason(bert, changes, word):
    with pytest.raises(BadRequest, match=word):
        explain(make_request(**changes), bundle=bert)


def test_a_single_token_is_a_certain_answer_that_no_word_changes(bert):
    found = explain(make_request("bus", "input_x_gradient"), bundle=bert)
    np.testing.assert_allclose(found.values, 1, atol=1e-6)
    np.testing.assert_allclose(found.scores, 0, atol=1e-6)


def test_a_model_of_another_task_is_refused():
    with pytest.raises(Incompatible, match="does not mark the start and end"):
        explain(make_request(), bundle=Bundle.of(*tiny("bert")))
    with pytest.raises(Incompatible, match="does not mark the start and end"):
        predict(make_request(LONG), bundle=Bundle.of(*tiny("bert")))


def test_files_and_links_keep_the_three_explanations_and_the_request(bert):
    second = predict(make_request(), bundle=bert).targets[1].label
    found = explain(make_request(target=second, longest_answer=20), bundle=bert)
    assert from_json(to_json(found)) == found
    assert Request.from_query(found.request.to_query()) == found.request
    names = [line.split('","')[0].lstrip('"') for line in to_csv(found).splitlines()[1:]]
    for target in found.targets:
        at = "" if target.position is None else f" (token {target.position})"
        assert names.count(f"{second}: {target.label}{at}") == len(found.features)
    assert second in to_html(found)


def test_examples_have_both_fields_and_answers_can_be_found_in_them(bert):
    for example in TASKS["question_answering"].examples:
        given = dict(example.inputs)
        assert set(given) == {"question", "context"}
        assert predict(Request("question_answering", "tiny", given), bundle=bert).text in given["context"]
    assert len(TASKS["question_answering"].examples) == 6


def test_the_tiny_models_have_transformers_question_answering_head(bundle):
    assert type(bundle.model) in AutoModelForQuestionAnswering._model_mapping.values()
