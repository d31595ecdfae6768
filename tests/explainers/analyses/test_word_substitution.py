"""Other words in the place of one: the model's own probabilities of the written token and its contrast."""

from dataclasses import replace

import pytest
import torch
from numpy.testing import assert_allclose

from explainers import Bundle, Request, Target, explain, predict
from explainers.analyses.word_substitution import make_question, substitute
from explainers.errors import BadRequest, NothingGenerated, Overdue
from explainers.settings import read_settings
from tests.support.hub import as_loaded

SOURCE, WRITTEN, WORDS = "the soup was cold", "and the waiter", ("cast", "clever story")


@pytest.fixture(scope="module", params=["llama", "marian"])
def case(request):
    kind = request.param
    names = ("source", "target") if kind == "marian" else ("prompt", "continuation")
    task = "translation" if kind == "marian" else "text_generation"
    bundle = Bundle.of(*as_loaded(kind, task=task))
    wanted = Request(task, "tiny", dict(zip(names, (SOURCE, WRITTEN), strict=True)), "saliency", params={"start": 2})
    return bundle, names, wanted


def shares(bundle, names, wanted, text):
    """The probabilities (W, V) of the written tokens after another text, by the model alone."""
    said = predict(replace(wanted, params={}, inputs={names[0]: text, names[1]: WRITTEN}), bundle=bundle)
    ids = torch.tensor([[target.index for target in said.targets]])
    before = bundle.tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        if names[0] == "source":
            start = torch.tensor([[bundle.model.config.decoder_start_token_id]])
            logits = bundle.model(input_ids=before, decoder_input_ids=torch.cat([start, ids], 1)).logits[0, :-1]
        else:
            logits = bundle.model(torch.cat([before, ids], 1)).logits[0, before.shape[1] - 1 : -1]
    return ids[0], logits.softmax(-1)


def test_a_swap_is_the_models_own_probability_of_the_token_after_the_other_word(case):
    bundle, names, wanted = case
    found = substitute(make_question(explain(wanted, bundle=bundle), 1, (names[0], 4, 8), WORDS), bundle=bundle)
    assert [swap.word for swap in found] == list(WORDS)
    for swap in found:
        ids, own = shares(bundle, names, wanted, f"the {swap.word} was cold")
        assert_allclose(swap.probability, float(own[2, ids[2]]), rtol=1e-4)  # row 1 is the third token
        assert (swap.foil_probability, swap.share) == (None, swap.probability)


def test_with_a_contrast_a_swap_tells_the_probability_of_both_at_that_place(case):
    bundle, names, wanted = case
    against = explain(replace(wanted, target=Target(foil="rude")), bundle=bundle)
    index = bundle.tokenizer.convert_tokens_to_ids(against.targets[1].foil)
    (swap,) = substitute(make_question(against, 1, (names[0], 4, 8), WORDS[:1]), bundle=bundle)
    ids, own = shares(bundle, names, wanted, "the cast was cold")
    place = [target.position for target in against.prediction.targets].index(against.targets[1].position)
    assert_allclose(swap.probability, float(own[place, ids[place]]), rtol=1e-4)
    assert_allclose(swap.foil_probability, float(own[place, index]), rtol=1e-3)
    assert swap.share == swap.probability / (swap.probability + swap.foil_probability)


def test_a_swap_says_what_the_model_writes_by_itself_or_that_it_writes_nothing(case):
    bundle, names, wanted = case
    found = substitute(make_question(explain(wanted, bundle=bundle), 0, (names[0], 4, 8), WORDS), bundle=bundle)
    for swap in found:
        alone = replace(wanted, inputs={names[0]: f"the {swap.word} was cold"}, params={})
        if swap.continuation:
            assert swap.continuation == predict(alone, bundle=bundle).text.strip()
        else:
            with pytest.raises(NothingGenerated):
                predict(alone, bundle=bundle)


def test_no_words_and_too_many_are_told(case):
    bundle, names, wanted = case
    explanation = explain(wanted, bundle=bundle)
    for words, why in (((), "no other words"), (tuple(map(str, range(101))), "101 words are too many")):
        with pytest.raises(BadRequest, match=why):
            substitute(make_question(explanation, 0, (names[0], 4, 8), words), bundle=bundle)


def test_all_words_together_have_the_time_of_one_explanation(case, monkeypatch):
    bundle, _, wanted = case
    explanation = explain(wanted, bundle=bundle)
    monkeypatch.setattr("explainers.engine.settings", lambda: read_settings({"WHEREFORE_SECONDS": "0"}))
    with pytest.raises(Overdue):
        substitute(make_question(explanation, 0, (wanted.inputs[0][0], 0, 3), WORDS), bundle=bundle)
