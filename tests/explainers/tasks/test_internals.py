"""What a text's Problem tells of the model's inside is what the model itself tells, or computes with."""

import pytest
import torch

from explainers import TASKS, Bundle, Request
from explainers.errors import BadRequest, Incompatible
from explainers.progress import Run
from tests.support.sentences import SENTENCES
from tests.support.tiny import CONFIGS, tiny

TEXT = SENTENCES[1]


def loaded(kind, **changes):
    """A tiny model with the attention that keeps its weights, as models are loaded here."""
    return Bundle.of(*tiny(kind, attn_implementation="eager", **changes))


def ids_of(bundle):
    return bundle.tokenizer(TEXT, return_tensors="pt")["input_ids"]  # (1, F)


def asked(bundle, task="text_classification", inputs=None, **params):
    request = Request(task, "tiny", inputs or {"text": TEXT}, params={"unit": "logit", **params})
    return TASKS[task].encode(bundle, request, Run())


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_the_embeddings_of_a_text_are_the_rows_of_its_ids_in_the_table(kind):
    bundle = loaded(kind)
    found = asked(bundle)
    torch.testing.assert_close(found.internals.table[ids_of(bundle)], found.x, atol=0, rtol=0)


def test_a_table_that_the_model_scales_is_told_as_the_model_reads_it():
    bundle = loaded("bart", scale_embedding=True)
    found = asked(bundle)
    assert bundle.embeddings.word.embed_scale == pytest.approx(32**0.5)
    torch.testing.assert_close(found.internals.table[:], bundle.embeddings.word.weight * 32**0.5)
    torch.testing.assert_close(found.internals.table[ids_of(bundle)], found.x, atol=0, rtol=0)


def test_positions_have_no_table_of_words_and_say_so():
    found = asked(loaded("bert"), embedding="position")
    assert found.internals.table is None
    assert "set Embedding to word" in dict(found.internals.reasons)["table"]


def test_several_texts_are_rows_of_one_table_and_have_no_common_inside():
    found = asked(loaded("bert"), "zero_shot_classification", {"text": TEXT, "labels": "a, b"}, entailment="LABEL_1")
    assert (found.internals.table[:][:, None] == found.x).all(-1).any(0).all()
    names = ("layer", "hidden", "attentions", "zeroing")
    assert all(found.find(name) is None and "several texts" in dict(found.internals.reasons)[name] for name in names)


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_attention_and_states_are_what_the_model_tells_and_the_gradients_those_of_its_logit(kind):
    bundle = loaded(kind)
    found = asked(bundle)
    inputs = bundle.tokenizer(TEXT, return_tensors="pt")
    handle = bundle.embeddings.word.register_forward_hook(lambda _, __, output: output.detach().requires_grad_())
    output = bundle.model(**inputs, output_attentions=True, output_hidden_states=True)
    handle.remove()
    names = ("encoder_attentions", "encoder_hidden_states") if kind == "bart" else ("attentions", "hidden_states")
    weights, states = (getattr(output, name) for name in names)
    torch.testing.assert_close(found.internals.attentions(), torch.cat(weights).detach())
    index = found.targets[0].index
    for layer in (0, 1, -1):
        (right,) = torch.autograd.grad(output.logits[0, index], states[layer], retain_graph=True)
        told, gradients = found.internals.hidden(layer)
        torch.testing.assert_close(told, states[layer].detach())
        torch.testing.assert_close(gradients, right)
        assert gradients.abs().max() > 1e-4
    with pytest.raises(BadRequest, match="has 2 layers, so there is no layer 3"):
        found.internals.hidden(3)


@pytest.mark.parametrize("kind", ["bert", "albert", "bart", "gpt2", "llama"])
@pytest.mark.parametrize("batch", [1, 5])
def test_zeroing_tells_how_far_each_state_moves_without_the_values_of_one_token(kind, batch):
    bundle = loaded(kind)
    found = asked(bundle)
    moved = found.internals.zeroing(min(batch, found.batching.limit))
    inputs = bundle.tokenizer(TEXT, return_tensors="pt")
    own = [values for values in bundle.capability.values if values.part in ("", "encoder")]
    name = "encoder_hidden_states" if kind == "bart" else "hidden_states"
    count = len(found.features)
    assert moved.shape == (2, count, count)
    with torch.no_grad():
        plain = bundle.model(**inputs, output_hidden_states=True)[name]
        for layer, token in ((1, 0), (2, 3), (2, count - 1)):
            with own[layer - 1].zero([token]):
                other = bundle.model(**inputs, output_hidden_states=True)[name]
            right = 1 - torch.cosine_similarity(other[layer][0], plain[layer][0], dim=-1)
            torch.testing.assert_close(moved[layer - 1, :, token], right, atol=1e-5, rtol=1e-4)
    assert moved.max() > 1e-3
    if kind in ("gpt2", "llama"):  # nothing is told to the words before
        torch.testing.assert_close(moved.tril(), moved, atol=1e-5, rtol=0)


def test_a_model_that_keeps_no_attention_says_how_to_load_it():
    found = asked(Bundle.of(*tiny("bert")))
    with pytest.raises(Incompatible, match="Load it with attn_implementation='eager'"):
        found.internals.attentions()
    with pytest.raises(Incompatible, match="Load it with attn_implementation='eager'"):
        found.internals.zeroing(3)
