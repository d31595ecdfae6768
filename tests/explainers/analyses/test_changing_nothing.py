"""Changing nothing changes nothing, bit for bit: every analysis that edits a text or forces one, on odd texts."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from explainers import Bundle, Request, Target, attack, explain, predict
from explainers.analyses import model_randomization as randomization
from explainers.analyses.context_reliance import ContextRequest, trace_context
from explainers.analyses.generation_requests import force_output, release_output
from explainers.analyses.word_substitution import make_request, substitute
from explainers.inputs.text import find_words
from explainers.results.counterfactual import Counterfactual
from tests.support.generation_models import bundle_of, ids_of, request_of
from tests.support.sentences import HOSTILE
from tests.support.tiny import tiny

ODD = HOSTILE | {
    "half a word": "the soup was co",
    "line breaks": "the soup\nwas cold\n",
    "line break": "\n",
    "spaces": "   ",
    "spaces around": "  the soup ",
    "windows": "the soup\r\n\twas",
    "unknown signs": "the soup @~ \u2603",
    "decomposed": "the cafe\u0301 soup e\u0301",
}
READABLE = {name: text for name, text in ODD.items() if text.strip()}
WRITERS = ("gpt2", "llama", "t5")
FREE = {"strategy": "sample", "temperature": 3.0, "most_new_tokens": 6}  # unusual tokens, as none reads them back


@cache
def writer(kind):
    return bundle_of(kind)


def assert_equal(one, other):
    assert np.array_equal(one.scores, other.scores, equal_nan=True)
    assert np.array_equal(one.values, other.values)
    assert one.steps == other.steps
    assert one.features == other.features
    assert one.prediction == other.prediction


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
@pytest.mark.parametrize("kind", WRITERS)
def test_a_written_text_that_is_kept_is_explained_as_before(kind, text):
    bundle = writer(kind)
    text = text if text.strip() or kind != "t5" else f"the{text}soup"  # a source is never blank
    request = request_of(kind, "", before=text, params=FREE)
    explanation = explain(request, bundle=bundle)
    kept = force_output(request, explanation.prediction)
    assert_equal(explain(kept, bundle=bundle), explanation)
    assert_equal(explain(release_output(kept), bundle=bundle), explanation)
    assert Request.from_query(kept.to_query()) == kept
    if words := find_words(text):
        place = (explanation.features[0].field, *words[-1])
        question = make_request(explanation, len(explanation.targets) - 1, place, (text[slice(*words[-1])],))
        (same,) = substitute(question, bundle=bundle)
        assert same.probability == dict(explanation.steps)["probability"][-1]
        assert same.continuation == explanation.prediction.text.strip()


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
@pytest.mark.parametrize("kind", WRITERS)
def test_a_typed_text_is_read_as_typed_or_a_notice_says_what_changed(kind, text):
    bundle = writer(kind)
    request = request_of(kind, text, params={"space_before": False})
    explanation = explain(request, bundle=bundle)
    assert explanation.prediction.text == text
    read = bundle.tokenizer.decode(ids_of(explanation))
    if "<unk>" in read and "<unk>" not in text:
        assert any("the model reads" in notice for notice in explanation.notices)
    assert_equal(explain(force_output(request, explanation.prediction), bundle=bundle), explanation)


@pytest.mark.parametrize("kind", WRITERS)
def test_without_randomisation_a_written_text_is_explained_as_before(kind, monkeypatch):
    monkeypatch.setattr(randomization, "randomise_layer", lambda layer, generator: None)
    before = "the soup was cold, the waiter was rude, and the bill was a joke"
    request = request_of(kind, "", "input_x_gradient", before=before, params=FREE)
    for step in randomization.randomise_model(request, bundle=writer(kind)):
        assert (step.agreement.signed, step.agreement.strength, step.agreement.overlap) == (1.0, 1.0, 1.0)


def test_what_is_measured_with_a_context_is_what_the_model_writes_with_it():
    bundle = writer("gpt2")
    request = Request("text_generation", "tiny", {"prompt": "the soup was co"}, "saliency", params=FREE)
    result = trace_context(ContextRequest(request, "a clever story."), bundle=bundle)
    alone = replace(request, inputs={"prompt": "a clever story. the soup was co"})
    written = predict(alone, bundle=bundle)
    assert ids_of(result.explanation.prediction) == ids_of(written)
    assert result.explanation.values == pytest.approx([target.probability for target in written.targets], rel=1e-5)


def test_a_token_is_contrasted_with_the_very_token_that_is_preferred_without_the_context():
    bundle = writer("gpt2")
    request = Request("text_generation", "tiny", {"prompt": "the soup was"}, "saliency", params=FREE)
    context = ContextRequest(request, "a clever story.", deviations=-2.0)
    result = trace_context(context, bundle=bundle)
    forced = force_output(request, result.explanation.prediction)
    without = predict(forced, bundle=bundle)
    assert any(token.alternative for token in result.tokens)
    for token in result.tokens:
        if token.alternative:
            best = without.alternatives[token.row][0]
            assert token.explanation.request.options["foil_ids"] == str(best.index)


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_a_counterfactual_without_a_change_is_the_request(text):
    request = Request("text_classification", "tiny", {"text": text}, target=Target(index=1))
    counterfactual = Counterfactual.of(request)
    assert counterfactual.make_request(request.target) == request
    for i, word in enumerate(dict(counterfactual.texts)["text"].words):
        assert counterfactual.replace_word("text", i, word.text).make_request(request.target) == request
        assert counterfactual.replace_word("text", i, word.text).changes == ()


@pytest.mark.parametrize(
    "text", [text for text in ODD.values() if text.strip()], ids=[k for k in ODD if ODD[k].strip()]
)
@pytest.mark.parametrize("kind", ["bert", "xlm-roberta", "roberta"])
def test_an_attack_begins_with_the_text_and_its_prediction(kind, text):
    bundle = Bundle.of(*tiny(kind))
    request = Request("text_classification", "tiny", {"text": text})
    result = attack("random_swap", request, params={"flips": 1, "tries": 1}, bundle=bundle)
    first, best = result.trajectory[0], predict(request, bundle=bundle).targets[0]
    assert first.text == text
    assert (first.label, first.probability) == (best.label, pytest.approx(best.probability, abs=1e-6))
