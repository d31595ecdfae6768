"""Prompts and continuations: chat templates, sampling, limits, and tokens across the boundary of both."""

import copy

import numpy as np
import pytest
import torch

from explainers import Bundle, Request, Target, explain, predict
from explainers.errors import BadRequest, Incompatible, LimitReached
from explainers.tasks.generation.decoding import GumbelSampling
from tests.support.generation_models import AFTER, BEFORE, bundle_of, ids_of, request_of

TEMPLATE = (
    "{% for message in messages %}<s>{{ message['role'] }} {{ message['content'] | trim }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant {% endif %}"
)
SYSTEM = "you are a waiter"


@pytest.fixture(scope="module")
def chatty():
    bundle = bundle_of("llama")
    tokenizer = copy.deepcopy(bundle.tokenizer)
    tokenizer.chat_template = TEMPLATE
    return Bundle.of(bundle.model, tokenizer)


def chat(prompt=BEFORE, system=SYSTEM, **more):
    inputs = {"prompt": prompt, "continuation": AFTER, "system": system}
    return Request("text_generation", "tiny", inputs, "saliency", params={"chat": True, **more})


def test_only_the_tokens_of_the_chat_template_are_special(chatty):
    explanation = explain(chat(), bundle=chatty)
    assert explanation.segments == (
        ("system", 0, len(SYSTEM), "system"),
        ("prompt", 0, len(BEFORE), "user"),
        ("continuation", 0, len(explanation.source_texts["continuation"]), "assistant"),
    )
    assert explanation.source_texts["system"] == SYSTEM
    assert explanation.source_texts["prompt"] == BEFORE
    for field, text in explanation.source_texts.items():
        own = [f for f in explanation.features if f.field == field and not f.special]
        assert "".join(text[f.start : f.end] for f in own).replace(" ", "") == text.replace(" ", "")
    whole = f"<s>system {SYSTEM}</s><s>user {BEFORE}</s><s>assistant "
    read = chatty.tokenizer(whole, add_special_tokens=False)["input_ids"]
    assert len(read) + len(explanation.targets) == len(explanation.features)
    with torch.no_grad():
        ids = torch.tensor([read + ids_of(explanation)[:2]])
        expected = float(chatty.model(ids).logits[0, -1].softmax(-1)[explanation.targets[2].index])
    assert explanation.values[2] == pytest.approx(expected, rel=1e-4)


def test_a_message_that_the_template_trims_keeps_its_offsets(chatty):
    explanation = explain(chat(prompt=f"\n  {BEFORE}  ", system=""), bundle=chatty)
    first = next(f for f in explanation.features if f.field == "prompt" and not f.special)
    assert (first.text, first.start) == ("the", 3)
    assert [segment[3] for segment in explanation.segments] == ["user", "assistant"]


def test_a_model_without_a_chat_template_is_refused():
    with pytest.raises(Incompatible, match="has no chat template"):
        explain(chat(), bundle=bundle_of("gpt2"))


def test_tokens_are_sampled_by_their_probability():
    """Gumbel-max trick: each token's share of 40,000 draws is within four standard deviations of its probability."""
    logits, count = torch.tensor([1.0, 0.0, 2.0, -1.0]), 40_000
    noisy = GumbelSampling(temperature=0.7, top_p=1.0, seed=1)(torch.zeros(count, 1).long(), logits.expand(count, -1))
    shares = noisy.argmax(-1).bincount(minlength=4) / count
    expected = (logits / 0.7).softmax(-1)
    assert ((shares - expected).abs() < 4 * (expected * (1 - expected) / count).sqrt()).all()


def test_only_the_top_p_tokens_are_sampled():
    logits, count = torch.tensor([2.0, 1.0, -1.0, -2.0]), 2_000
    noisy = GumbelSampling(temperature=1.0, top_p=0.8, seed=1)(torch.zeros(count, 1).long(), logits.expand(count, -1))
    assert set(noisy.argmax(-1).tolist()) == {0, 1}


def test_a_sample_is_the_same_for_the_same_seed_and_the_global_generator_is_not_touched():
    bundle, state = bundle_of("llama"), torch.get_rng_state()
    params = {"strategy": "sample", "temperature": 2.0}
    texts = [predict(request_of("llama", "", params=params, seed=seed), bundle=bundle).text for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_the_five_most_probable_alternatives_of_each_token_are_listed_best_first():
    bundle = bundle_of("llama")
    prediction = predict(request_of("llama", "", params={"most_new_tokens": 4}), bundle=bundle)
    assert len(prediction.alternatives) == len(prediction.targets) == 4
    for target, others in zip(prediction.targets, prediction.alternatives, strict=True):
        assert others[0].index == target.index
        probabilities = [other.probability for other in others]
        assert len(others) == 5
        assert probabilities == sorted(probabilities, reverse=True)


@pytest.mark.parametrize(("start", "end", "count"), [(1, 0, 15), (3, 0, 13), (3, 3, 1), (2, 5, 4)])
def test_only_the_tokens_from_start_to_end_are_explained(start, end, count):
    bundle = bundle_of("llama")
    every = explain(request_of("llama"), bundle=bundle)
    some = explain(request_of("llama", params={"start": start, "end": end}), bundle=bundle)
    assert some.targets == every.targets[start - 1 : end or None]
    assert len(some.targets) == count
    np.testing.assert_allclose(some.scores, every.scores[start - 1 : end or None], atol=1e-6)
    assert len(some.prediction.targets) == 15


@pytest.mark.parametrize(("start", "end"), [(16, 0), (4, 3), (1, 16)])
def test_tokens_that_were_not_generated_cannot_be_explained(start, end):
    with pytest.raises(BadRequest, match="generated text has 15"):
        explain(request_of("llama", params={"start": start, "end": end}), bundle=bundle_of("llama"))


def test_a_continuation_gets_a_space_before_its_first_word_unless_it_has_one():
    bundle = bundle_of("gpt2")
    with_space, without = (explain(request_of("gpt2", text), bundle=bundle) for text in (" and", "and"))
    assert with_space.source_texts["continuation"] == without.source_texts["continuation"] == " and"
    assert ids_of(with_space) == ids_of(without)
    comma = explain(request_of("gpt2", ", and"), bundle=bundle)
    assert comma.source_texts["continuation"] == ", and"


def test_a_prompt_that_is_too_long_is_truncated_on_the_left_with_a_notice():
    bundle = bundle_of("llama")
    explanation = explain(request_of("llama", "", before="the soup was cold " * 40), bundle=bundle)
    notice = next(notice for notice in explanation.notices if "were not read" in notice)
    count = len(bundle.tokenizer("the soup was cold " * 40)["input_ids"])
    assert "128 tokens" in notice
    assert f"the first {count - 127} " in notice
    assert len(explanation.targets) == 1
    assert len(explanation.features) == 128


def test_a_continuation_that_is_too_long_is_refused_with_both_numbers():
    with pytest.raises(LimitReached, match=r"\d+ tokens.* 119 more"):
        explain(request_of("llama", "the waiter was rude " * 40), bundle=bundle_of("llama"))


def test_a_foil_replaces_the_explained_tokens():
    bundle = bundle_of("gpt2")
    last = explain(request_of("gpt2", " and the soup", params={"start": 4}), bundle=bundle)
    assert [target.label for target in last.targets] == ["soup"]
    request = request_of("gpt2", " and the soup", target=Target(foil="wa"), params={"start": 4})
    explanation = explain(request, bundle=bundle)
    assert [(target.label, target.foil) for target in explanation.targets] == [("soup", " wa")]


def test_a_foil_equal_to_the_text_and_a_contrast_of_entropies_are_refused():
    bundle = bundle_of("gpt2")
    with pytest.raises(BadRequest, match="is the same as the generated text"):
        explain(request_of("gpt2", target=Target(foil=AFTER)), bundle=bundle)
    with pytest.raises(BadRequest, match="Entropy has no contrast"):
        explain(request_of("gpt2", target=Target(foil="or"), params={"unit": "entropy"}), bundle=bundle)
    with pytest.raises(BadRequest, match="set start and end"):
        explain(request_of("gpt2", target=Target(label="and")), bundle=bundle)


def test_an_alignment_by_hand_chooses_the_foil_of_a_token():
    bundle = bundle_of("gpt2")
    request = request_of("gpt2", " and the soup", target=Target(foil=" with the bread"), params={"alignment": "4:1"})
    explanation = explain(request, bundle=bundle)
    own = bundle.tokenizer(" with the bread")["input_ids"]
    assert [target.label for target in explanation.targets] == ["soup"]
    assert explanation.targets[0].foil == bundle.tokenizer.decode(own[:1])


@pytest.mark.parametrize(
    ("kind", "task", "advice"),
    [("bart", "text_generation", "Use translation"), ("gpt2", "translation", "Use text generation")],
)
def test_a_model_of_the_other_architecture_is_referred_to_the_other_task(kind, task, advice):
    name = "prompt" if task == "text_generation" else "source"
    with pytest.raises(Incompatible, match=advice):
        explain(Request(task, "tiny", {name: BEFORE}, "saliency"), bundle=bundle_of(kind))


@pytest.mark.parametrize("text", ["the soup 🍲 was", "مرحبا the soup", "the <img src=x onerror=alert(1)> soup"])
def test_tokens_of_partial_characters_have_the_offsets_of_whole_ones(text):
    explanation = explain(request_of("gpt2", text, before=text), bundle=bundle_of("gpt2"))
    for feature in explanation.features:
        assert (
            feature.text == explanation.source_texts[feature.field][feature.start : feature.end] or feature.text == "␣"
        )
