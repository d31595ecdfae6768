"""Prompts and continuations: chat templates, sampling, limits, and tokens across the boundary of both."""

import copy
from dataclasses import replace

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


def test_a_prompt_that_is_too_long_loses_its_first_tokens_but_not_the_one_that_every_text_begins_with():
    bundle, long = bundle_of("llama"), "the soup was cold " * 40
    explanation = explain(request_of("llama", "", before=long, params={"most_new_tokens": 20}), bundle=bundle)
    own = bundle.tokenizer(long)["input_ids"]
    assert (len(explanation.targets), len(explanation.features)) == (20, 128)
    assert explanation.tokens[0] == "<s>"
    notice = next(notice for notice in explanation.notices if "were not read" in notice)
    assert "128 tokens" in notice
    assert f"the first {len(own) - 108} " in notice
    read = torch.tensor([[own[0], *own[-107:]]])
    with torch.no_grad():
        expected = bundle.model(read).logits[0, -1].softmax(-1)
    assert explanation.targets[0].index == int(expected.argmax())
    assert explanation.values[0] == pytest.approx(float(expected.max()), rel=1e-4)


def test_a_prompt_that_is_too_long_makes_room_for_a_given_text_and_never_for_more_than_half():
    bundle, long = bundle_of("llama"), "the soup was cold " * 40
    given = explain(request_of("llama", before=long.strip()), bundle=bundle)
    assert given.source_texts["continuation"] == f" {AFTER}"
    assert len(given.targets) == 15
    most = explain(request_of("llama", "", before=long, params={"most_new_tokens": 500}), bundle=bundle)
    assert len(most.targets) <= 64
    if len(most.targets) == 64:
        assert any("wrote no more than 64" in notice for notice in most.notices)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_model_writes_after_an_empty_prompt_what_it_writes_after_the_first_token_of_every_text(kind):
    bundle = bundle_of(kind)
    prediction = predict(request_of(kind, "", before="", params={"most_new_tokens": 3}), bundle=bundle)
    ids = torch.tensor([[bundle.tokenizer.bos_token_id]])
    with torch.no_grad():
        for target in prediction.targets:
            shares = bundle.model(ids).logits[0, -1].softmax(-1)
            assert target.index == int(shares.argmax())
            assert target.probability == pytest.approx(float(shares.max()), rel=1e-4)
            ids = torch.cat([ids, torch.tensor([[target.index]])], dim=1)
    for method in ("integrated_gradients", "occlusion", "shapley_value_sampling", "input_x_gradient"):
        explanation = explain(request_of(kind, "", method, before=""), bundle=bundle)
        assert explanation.tokens[0] == bundle.tokenizer.bos_token


def test_an_empty_prompt_is_refused_where_nothing_begins_a_text_and_where_none_is_given():
    bundle = bundle_of("gpt2", bos_token_id=None)
    tokenizer = copy.deepcopy(bundle.tokenizer)
    tokenizer.bos_token = None
    with pytest.raises(BadRequest, match="no token that begins every text"):
        predict(request_of("gpt2", "", before=""), bundle=Bundle.of(bundle.model, tokenizer))
    with pytest.raises(BadRequest, match="Prompt is empty"):
        predict(Request("text_generation", "tiny", {}), bundle=bundle)


def test_a_prompt_that_brings_the_first_token_of_every_text_itself_gets_a_notice():
    explanation = explain(request_of("llama", before="<s> the soup"), bundle=bundle_of("llama"))
    assert explanation.tokens[:2] == ("<s>", "<s>")  # as the tokenizer has it
    assert "reads it twice" in explanation.notices[0]
    assert not any("twice" in notice for notice in explain(request_of("llama"), bundle=bundle_of("llama")).notices)


@pytest.mark.parametrize(("before", "after"), [("the soup was co", "ld"), ("wonder", "ful cast"), ("two", "s")])
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_given_text_goes_on_with_a_word_if_it_is_asked_to_and_a_notice_says_if_it_does_not(kind, before, after):
    bundle = bundle_of(kind)
    joined = explain(request_of(kind, after, before=before, params={"space_before": False}), bundle=bundle)
    read = bundle.tokenizer(before)["input_ids"] + ids_of(joined)
    assert bundle.tokenizer.decode(read).removeprefix("<s>").strip() == before + after
    assert joined.source_texts["continuation"] == after
    assert joined.notices == ()
    apart = explain(request_of(kind, after, before=before), bundle=bundle)
    assert apart.source_texts["continuation"] == f" {after}"
    assert "A space was put between" in apart.notices[0]
    prefix = {"prompt": "the", "prefix": before, "continuation": after}
    request = Request("text_generation", "tiny", prefix, "saliency", params={"space_before": False})
    assert explain(replace(request, params={}), bundle=bundle).source_texts["prefix"] == f" {before}"
    assert explain(request, bundle=bundle).source_texts == prefix


def test_a_line_break_and_spaces_are_text_to_generate():
    for text in ("\n", "   "):
        assert explain(request_of("gpt2", text), bundle=bundle_of("gpt2")).prediction.text == text


@pytest.mark.parametrize(
    ("before", "after", "foil", "expected"),
    [
        ("the soup was\n", "cold", "rude", "rude"),
        ("the soup was", " cold", "rude", " rude"),
        ("the soup was", " cold", " rude", " rude"),
        ("the soup was.", " cold", "rude", " rude"),
        ("the soup was", "\ncold", "rude", "\nrude"),
    ],
)
def test_a_foil_has_the_space_before_the_text_that_it_replaces(before, after, foil, expected):
    bundle = bundle_of("gpt2")
    request = request_of("gpt2", after, before=before, target=Target(foil=foil), params={"unit": "logit", "end": 0})
    explanation = explain(request, bundle=bundle)
    foils, tokenizer = bundle.tokenizer(expected)["input_ids"], bundle.tokenizer
    ids = tokenizer(before)["input_ids"] + [target.index for target in explanation.prediction.targets]
    for target, value in zip(explanation.targets, explanation.values, strict=True):
        other = next(token for token in foils if tokenizer.decode([token]) == target.foil)
        with torch.no_grad():
            logits = bundle.model(torch.tensor([ids[: target.position]])).logits[0, -1]
        assert value == pytest.approx(float(logits[target.index] - logits[other]), abs=1e-3)


@pytest.mark.parametrize(("written", "foil"), [("rude", "ruder"), ("and the waiter rude", "and")])
def test_a_foil_that_only_goes_on_or_ends_earlier_is_refused_for_what_it_is(written, foil):
    with pytest.raises(BadRequest, match="is only the beginning of"):
        explain(request_of("llama", written, target=Target(foil=foil)), bundle=bundle_of("llama"))


def test_an_alignment_that_pairs_a_token_twice_or_outside_is_refused():
    for pairs, why in (("1:1,1:2", "pairs token 1 twice"), ("2:1", "Tokens 1 to 1 of")):
        request = request_of("llama", target=Target(foil="but the cast good"), params={"alignment": pairs, "end": 1})
        with pytest.raises(BadRequest, match=why):
            explain(request, bundle=bundle_of("llama"))


def test_ids_are_used_for_their_own_text_only():
    bundle = bundle_of("gpt2")
    ids = bundle.tokenizer(" c")["input_ids"] + bundle.tokenizer("old")["input_ids"]  # not as the tokenizer has it
    given = ",".join(map(str, ids))
    explanation = explain(request_of("gpt2", " cold", params={"token_ids": given}), bundle=bundle)
    assert ids_of(explanation) == ids
    assert explanation.notices == ()
    other = explain(request_of("gpt2", " rude", params={"token_ids": given}), bundle=bundle)
    assert other.prediction.text == " rude"
    assert "are not used" in other.notices[0]
    for wrong in ("x", "-1", "1;2", "999999"):
        with pytest.raises(BadRequest, match="Give whole numbers below"):
            explain(request_of("gpt2", " cold", params={"token_ids": wrong}), bundle=bundle)


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
