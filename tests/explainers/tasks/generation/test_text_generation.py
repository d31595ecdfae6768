"""Generated text is explained token by token from one pass, on every architecture, with the deployed scores."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from explainers import Request, Target, explain, predict
from explainers.export.serialize import from_json, to_json
from tests.support.generation_models import AFTER, BEFORE, WRITERS, bundle_of, ids_of, request_of


def generate_plainly(bundle, text, most):
    """Generate token ids by the model's own `generate`, without the end-of-sequence token."""
    inputs = bundle.tokenizer(text, return_tensors="pt")
    ids = bundle.model.generate(**inputs, do_sample=False, num_beams=1, max_new_tokens=most, pad_token_id=0)[0]
    first = 1 if bundle.model.config.is_encoder_decoder else inputs["input_ids"].shape[1]
    ids = ids[first:].tolist()
    return ids[:-1] if ids[-1] == bundle.model.generation_config.eos_token_id else ids


@pytest.mark.parametrize("kind", WRITERS)
def test_the_generated_text_is_that_of_the_models_own_generate(kind):
    bundle = bundle_of(kind)
    prediction = predict(request_of(kind, "", params={"most_new_tokens": 9}), bundle=bundle)
    ids = generate_plainly(bundle, BEFORE, 9)
    assert [target.index for target in prediction.targets] == ids
    skipped = bundle.tokenizer.decode(ids, skip_special_tokens=True)
    assert prediction.text.strip() == skipped.strip()


@pytest.mark.parametrize("kind", WRITERS)
def test_the_probability_of_each_token_is_the_models_own_after_its_prefix_alone(kind):
    """One pass for all tokens gives the same as one pass per token."""
    bundle = bundle_of(kind)
    explanation = explain(request_of(kind), bundle=bundle)
    own = bundle.tokenizer(BEFORE, return_tensors="pt")["input_ids"]
    ids = [target.index for target in explanation.targets]
    start = [bundle.model.generation_config.decoder_start_token_id]
    for t, token in enumerate(ids):
        with torch.no_grad():
            if bundle.model.config.is_encoder_decoder:
                logits = bundle.model(input_ids=own, decoder_input_ids=torch.tensor([start + ids[:t]])).logits
            else:
                logits = bundle.model(input_ids=torch.cat([own, torch.tensor([ids[:t]]).long()], dim=1)).logits
        expected = float(logits[0, -1].softmax(-1)[token])
        assert explanation.targets[t].probability == pytest.approx(expected, rel=1e-4)
        assert explanation.values[t] == pytest.approx(expected, rel=1e-4)
    assert explanation.unit == "probability"


@pytest.mark.parametrize("kind", WRITERS)
def test_a_given_prefix_is_read_and_not_explained(kind):
    bundle = bundle_of(kind)
    whole = explain(request_of(kind, "cold and the waiter rude", params={"norm": "L2"}), bundle=bundle)
    request = request_of(kind, "rude", params={"norm": "L2"})
    rest = explain(replace(request, inputs=dict(request.inputs) | {"prefix": "cold and the waiter"}), bundle=bundle)
    count = len(rest.targets)
    assert 0 < count < len(whole.targets)
    assert ids_of(rest) == ids_of(whole)[-count:]
    assert_allclose(rest.scores, whole.scores[-count:], rtol=1e-4, atol=1e-7)
    read = [feature.text for feature in rest.features if feature.field == "prefix"]
    assert read == [target.label for target in whole.targets[:-count]]
    assert rest.source_texts["prefix"].strip() == "cold and the waiter"


@pytest.mark.parametrize("kind", WRITERS)
def test_a_model_continues_a_given_prefix(kind):
    bundle = bundle_of(kind)
    request = request_of(kind, "", params={"most_new_tokens": 4})
    with_prefix = replace(request, inputs=dict(request.inputs) | {"prefix": "cold and the waiter"})
    prediction = predict(with_prefix, bundle=bundle)
    assert 0 < len(prediction.targets) <= 4
    assert ids_of(prediction) == [
        alternatives[0].index for alternatives in prediction.alternatives
    ]  # the most probable each time


@pytest.mark.parametrize("kind", WRITERS)
def test_exactly_the_features_before_a_token_are_visible_to_it(kind):
    explanation = explain(request_of(kind, params={"norm": "L2"}), bundle=bundle_of(kind))
    places = [target.position for target in explanation.targets]
    assert [explanation.tokens[place] for place in places] == [target.label for target in explanation.targets]
    before = np.arange(len(explanation.features)) < np.array(places)[:, None]
    assert np.array_equal(np.isnan(explanation.scores), ~before)
    assert (explanation.scores[before] > 0).all()


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("continuation", [AFTER, ""])
def test_offsets_lie_in_the_shown_texts_and_json_restores_the_explanation(kind, continuation):
    explanation = explain(request_of(kind, continuation), bundle=bundle_of(kind))
    shown = explanation.source_texts
    assert list(shown) == list(dict.fromkeys(name for name, _ in explanation.request.inputs))
    for name, text in shown.items():
        places = [(f.start, f.end) for f in explanation.features if f.field == name and not f.special]
        assert places == sorted(places)
        assert {i for start, end in places for i in range(start, end)} >= {i for i, s in enumerate(text) if s.isalpha()}
    before, after = shown.values()
    assert before == BEFORE
    assert after.strip() == (continuation or explanation.prediction.text.strip())
    assert from_json(to_json(explanation)) == explanation


def test_a_notice_counts_the_tokens_that_differ_from_the_foil():
    request = Request("translation", "tr-en", {"source": "O bir doktor."}, "saliency", Target(foil="She is a doctor."))
    (notice,) = explain(request).notices
    assert "1 generated token that differs" in notice
