"""Word substitution: the model's own probabilities of the generated token and of its foil."""

from dataclasses import replace

import pytest
import torch
from numpy.testing import assert_allclose

from explainers import Bundle, Request, Target, explain, predict
from explainers.analyses.word_substitution import make_request, substitute
from explainers.errors import BadRequest, NothingGenerated, Overdue
from explainers.settings import read_settings
from tests.support.hub import make_loaded

SOURCE, OUTPUT, WORDS = "the soup was cold", "and the waiter", ("cast", "clever story")


@pytest.fixture(scope="module", params=["llama", "marian"])
def case(request):
    kind = request.param
    names = ("source", "target") if kind == "marian" else ("prompt", "continuation")
    task = "translation" if kind == "marian" else "text_generation"
    bundle = Bundle.of(*make_loaded(kind, task=task))
    request = Request(task, "tiny", dict(zip(names, (SOURCE, OUTPUT), strict=True)), "saliency", params={"start": 2})
    return bundle, names, request


def compute_probabilities(bundle, names, request, text):
    """Compute the probabilities (W, V) of the generated tokens after another text, by plain calls."""
    prediction = predict(replace(request, params={}, inputs={names[0]: text, names[1]: OUTPUT}), bundle=bundle)
    ids = torch.tensor([[target.index for target in prediction.targets]])
    before = bundle.tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        if names[0] == "source":
            start = torch.tensor([[bundle.model.config.decoder_start_token_id]])
            logits = bundle.model(input_ids=before, decoder_input_ids=torch.cat([start, ids], 1)).logits[0, :-1]
        else:
            logits = bundle.model(torch.cat([before, ids], 1)).logits[0, before.shape[1] - 1 : -1]
    return ids[0], logits.softmax(-1)


def test_a_substitution_has_the_models_own_probability_of_the_token(case):
    bundle, names, request = case
    results = substitute(make_request(explain(request, bundle=bundle), 1, (names[0], 4, 8), WORDS), bundle=bundle)
    assert [result.word for result in results] == list(WORDS)
    for result in results:
        ids, own = compute_probabilities(bundle, names, request, f"the {result.word} was cold")
        assert_allclose(
            result.probability, float(own[2, ids[2]]), rtol=1e-4
        )  # row 1 is the third token: the first is left out
        assert (result.foil_probability, result.share) == (None, result.probability)


def test_with_a_contrast_a_substitution_has_the_probabilities_of_token_and_foil(case):
    bundle, names, request = case
    against = explain(replace(request, target=Target(foil="rude")), bundle=bundle)
    index = bundle.tokenizer.convert_tokens_to_ids(against.targets[1].foil)
    (result,) = substitute(make_request(against, 1, (names[0], 4, 8), WORDS[:1]), bundle=bundle)
    ids, own = compute_probabilities(bundle, names, request, "the cast was cold")
    place = [target.position for target in against.prediction.targets].index(against.targets[1].position)
    assert_allclose(result.probability, float(own[place, ids[place]]), rtol=1e-4)
    assert_allclose(result.foil_probability, float(own[place, index]), rtol=1e-3)
    assert result.share == result.probability / (result.probability + result.foil_probability)


def test_a_substitution_has_the_text_that_the_model_generates_or_none(case):
    bundle, names, request = case
    results = substitute(make_request(explain(request, bundle=bundle), 0, (names[0], 4, 8), WORDS), bundle=bundle)
    for result in results:
        alone = replace(request, inputs={names[0]: f"the {result.word} was cold"}, params={})
        if result.continuation:
            assert result.continuation == predict(alone, bundle=bundle).text.strip()
        else:
            with pytest.raises(NothingGenerated):
                predict(alone, bundle=bundle)


def test_no_words_and_too_many_are_refused(case):
    bundle, names, request = case
    explanation = explain(request, bundle=bundle)
    for words, why in (((), "no words to substitute"), (tuple(map(str, range(101))), "101 words are too many")):
        with pytest.raises(BadRequest, match=why):
            substitute(make_request(explanation, 0, (names[0], 4, 8), words), bundle=bundle)


def test_all_words_together_have_the_time_limit_of_one_explanation(case, monkeypatch):
    bundle, _, request = case
    explanation = explain(request, bundle=bundle)
    monkeypatch.setattr("explainers.engine.settings", lambda: read_settings({"WHEREFORE_SECONDS": "0"}))
    with pytest.raises(Overdue):
        substitute(make_request(explanation, 0, (request.inputs[0][0], 0, 3), WORDS), bundle=bundle)
