"""Word substitution: the model's own probabilities of the generated token and of its foil."""

from dataclasses import replace

import pytest
import torch
from numpy.testing import assert_allclose

from explainers import Bundle, Request, Target, explain, predict
from explainers.analyses.word_substitution import make_request, substitute
from explainers.errors import BadRequest, EndsAtOnce, Overdue
from explainers.settings import read
from tests.support.hub import as_loaded

SOURCE, OUTPUT, WORDS = "the soup was cold", "and the waiter", ("cast", "clever story")


@pytest.fixture(scope="module", params=["llama", "marian"])
def case(request):
    kind = request.param
    names = ("source", "target") if kind == "marian" else ("prompt", "continuation")
    task = "translation" if kind == "marian" else "text_generation"
    bundle = Bundle.of(*as_loaded(kind, task=task))
    wanted = Request(task, "tiny", dict(zip(names, (SOURCE, OUTPUT), strict=True)), "saliency", params={"start": 2})
    return bundle, names, wanted


def compute_probabilities(bundle, names, wanted, text):
    """Compute the probabilities (W, V) of the generated tokens after another text, by plain calls."""
    prediction = predict(replace(wanted, params={}, inputs={names[0]: text, names[1]: OUTPUT}), bundle=bundle)
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
    bundle, names, wanted = case
    found = substitute(make_request(explain(wanted, bundle=bundle), 1, (names[0], 4, 8), WORDS), bundle=bundle)
    assert [one.word for one in found] == list(WORDS)
    for one in found:
        ids, own = compute_probabilities(bundle, names, wanted, f"the {one.word} was cold")
        assert_allclose(one.own, float(own[2, ids[2]]), rtol=1e-4)  # row 1 is the third token: the first is left out
        assert (one.foil, one.share) == (None, one.own)


def test_with_a_contrast_a_substitution_has_the_probabilities_of_token_and_foil(case):
    bundle, names, wanted = case
    against = explain(replace(wanted, target=Target(foil="rude")), bundle=bundle)
    index = bundle.tokenizer.convert_tokens_to_ids(against.targets[1].foil)
    (one,) = substitute(make_request(against, 1, (names[0], 4, 8), WORDS[:1]), bundle=bundle)
    ids, own = compute_probabilities(bundle, names, wanted, "the cast was cold")
    place = [target.position for target in against.prediction.targets].index(against.targets[1].position)
    assert_allclose(one.own, float(own[place, ids[place]]), rtol=1e-4)
    assert_allclose(one.foil, float(own[place, index]), rtol=1e-3)
    assert one.share == one.own / (one.own + one.foil)


def test_a_substitution_has_the_text_that_the_model_generates_or_none(case):
    bundle, names, wanted = case
    found = substitute(make_request(explain(wanted, bundle=bundle), 0, (names[0], 4, 8), WORDS), bundle=bundle)
    for one in found:
        alone = replace(wanted, inputs={names[0]: f"the {one.word} was cold"}, params={})
        if one.written:
            assert one.written == predict(alone, bundle=bundle).text.strip()
        else:
            with pytest.raises(EndsAtOnce):
                predict(alone, bundle=bundle)


def test_no_words_and_too_many_are_refused(case):
    bundle, names, wanted = case
    explanation = explain(wanted, bundle=bundle)
    for words, why in (((), "no words to substitute"), (tuple(map(str, range(101))), "101 words are too many")):
        with pytest.raises(BadRequest, match=why):
            substitute(make_request(explanation, 0, (names[0], 4, 8), words), bundle=bundle)


def test_all_words_together_have_the_time_limit_of_one_explanation(case, monkeypatch):
    bundle, _, wanted = case
    explanation = explain(wanted, bundle=bundle)
    monkeypatch.setattr("explainers.engine.settings", lambda: read({"WHEREFORE_SECONDS": "0"}))
    with pytest.raises(Overdue):
        substitute(make_request(explanation, 0, (wanted.inputs[0][0], 0, 3), WORDS), bundle=bundle)
