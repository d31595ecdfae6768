"""What stands before a written text and what is written: templates, chance, limits, and texts with odd seams."""

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


def chat(prompt=BEFORE, system=SYSTEM, written=AFTER, **more):
    inputs = {"prompt": prompt, "continuation": written, "system": system}
    return Request("text_generation", "tiny", inputs, "saliency", params={"chat": True, **more})


def test_a_chat_is_read_in_the_words_of_its_template_and_only_those_are_special(chatty):
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


def test_a_message_that_the_template_trims_is_found_where_it_was_typed(chatty):
    explanation = explain(chat(prompt=f"\n  {BEFORE}  ", system=""), bundle=chatty)
    first = next(f for f in explanation.features if f.field == "prompt" and not f.special)
    assert (first.text, first.start) == ("the", 3)
    assert [segment[3] for segment in explanation.segments] == ["user", "assistant"]


def test_a_model_without_a_template_says_so():
    with pytest.raises(Incompatible, match="has no chat template"):
        explain(chat(), bundle=bundle_of("gpt2"))


def test_a_drawn_token_is_drawn_by_its_probability():
    """Gumbel's noise: of 40,000 draws each token has its share, within four standard deviations."""
    logits, count = torch.tensor([1.0, 0.0, 2.0, -1.0]), 40_000
    drawn = GumbelSampling(temperature=0.7, top_p=1.0, seed=1)(torch.zeros(count, 1).long(), logits.expand(count, -1))
    shares = drawn.argmax(-1).bincount(minlength=4) / count
    expected = (logits / 0.7).softmax(-1)
    assert ((shares - expected).abs() < 4 * (expected * (1 - expected) / count).sqrt()).all()


def test_only_tokens_that_make_up_the_share_are_drawn():
    logits, count = torch.tensor([2.0, 1.0, -1.0, -2.0]), 2_000
    drawn = GumbelSampling(temperature=1.0, top_p=0.8, seed=1)(torch.zeros(count, 1).long(), logits.expand(count, -1))
    assert set(drawn.argmax(-1).tolist()) == {0, 1}


def test_a_sample_is_the_same_for_the_same_seed_and_the_global_generator_is_not_touched():
    bundle, state = bundle_of("llama"), torch.get_rng_state()
    params = {"strategy": "sample", "temperature": 2.0}
    texts = [predict(request_of("llama", "", params=params, seed=seed), bundle=bundle).text for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_what_the_model_would_have_written_instead_is_told_with_its_probability():
    bundle = bundle_of("llama")
    said = predict(request_of("llama", "", params={"most_new_tokens": 4}), bundle=bundle)
    assert len(said.alternatives) == len(said.targets) == 4
    for target, others in zip(said.targets, said.alternatives, strict=True):
        assert others[0].index == target.index
        chances = [other.probability for other in others]
        assert len(others) == 5
        assert chances == sorted(chances, reverse=True)


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
def test_tokens_that_were_not_written_cannot_be_explained(start, end):
    with pytest.raises(BadRequest, match="the text that was written has 15"):
        explain(request_of("llama", params={"start": start, "end": end}), bundle=bundle_of("llama"))


def test_a_word_gets_its_space_and_a_text_that_has_one_keeps_it():
    bundle = bundle_of("gpt2")
    with_space, without = (explain(request_of("gpt2", text), bundle=bundle) for text in (" and", "and"))
    assert with_space.source_texts["continuation"] == without.source_texts["continuation"] == " and"
    assert ids_of(with_space) == ids_of(without)
    comma = explain(request_of("gpt2", ", and"), bundle=bundle)
    assert comma.source_texts["continuation"] == ", and"


def test_a_prompt_that_is_too_long_loses_its_beginning_and_says_how_much():
    bundle = bundle_of("llama")
    explanation = explain(request_of("llama", "", before="the soup was cold " * 40), bundle=bundle)
    notice = next(notice for notice in explanation.notices if "were not read" in notice)
    count = len(bundle.tokenizer("the soup was cold " * 40)["input_ids"])
    assert notice == f"The model reads 128 tokens at most: the first {count - 127} were not read."
    assert len(explanation.targets) == 1
    assert len(explanation.features) == 128


def test_a_text_to_write_that_is_too_long_is_refused_with_both_numbers():
    with pytest.raises(LimitReached, match="tokens, and the model can take 119 more"):
        explain(request_of("llama", "the waiter was rude " * 40), bundle=bundle_of("llama"))


def test_a_text_to_contrast_with_takes_the_place_of_the_tokens_that_are_explained():
    bundle = bundle_of("gpt2")
    last = explain(request_of("gpt2", " and the soup", params={"start": 4}), bundle=bundle)
    assert [target.label for target in last.targets] == ["soup"]
    asked = request_of("gpt2", " and the soup", target=Target(foil="wa"), params={"start": 4})
    explanation = explain(asked, bundle=bundle)
    assert [(target.label, target.foil) for target in explanation.targets] == [("soup", " wa")]


def test_a_text_cannot_be_contrasted_with_itself_and_entropy_with_nothing():
    bundle = bundle_of("gpt2")
    with pytest.raises(BadRequest, match="is the same as the written text"):
        explain(request_of("gpt2", target=Target(foil=AFTER)), bundle=bundle)
    with pytest.raises(BadRequest, match="Entropy is the same for every token"):
        explain(request_of("gpt2", target=Target(foil="or"), params={"unit": "entropy"}), bundle=bundle)
    with pytest.raises(BadRequest, match="asked for by their numbers"):
        explain(request_of("gpt2", target=Target(label="and")), bundle=bundle)


def test_pairs_by_hand_say_what_is_set_against_what():
    bundle = bundle_of("gpt2")
    asked = request_of("gpt2", " and the soup", target=Target(foil=" with the bread"), params={"alignment": "4:1"})
    explanation = explain(asked, bundle=bundle)
    own = bundle.tokenizer(" with the bread")["input_ids"]
    assert [target.label for target in explanation.targets] == ["soup"]
    assert explanation.targets[0].foil == bundle.tokenizer.decode(own[:1])


@pytest.mark.parametrize(
    ("kind", "task", "advice"),
    [("bart", "text_generation", "Use translation"), ("gpt2", "translation", "Use text generation")],
)
def test_a_model_with_the_wrong_number_of_halves_is_sent_to_the_other_task(kind, task, advice):
    name = "prompt" if task == "text_generation" else "source"
    with pytest.raises(Incompatible, match=advice):
        explain(Request(task, "tiny", {name: BEFORE}, "saliency"), bundle=bundle_of(kind))


@pytest.mark.parametrize("text", ["the soup 🍲 was", "مرحبا the soup", "the <img src=x onerror=alert(1)> soup"])
def test_pieces_of_characters_lie_in_the_text_whole(text):
    explanation = explain(request_of("gpt2", text, before=text), bundle=bundle_of("gpt2"))
    for feature in explanation.features:
        assert (
            feature.text == explanation.source_texts[feature.field][feature.start : feature.end] or feature.text == "␣"
        )
