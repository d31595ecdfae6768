"""The internals of a text's Problem are those that the model itself returns or computes with."""

import pytest
import torch

from explainers import TASKS, Bundle, Request
from explainers.engine import validate
from explainers.errors import BadRequest, Incompatible
from explainers.progress import Run
from tests.support.sentences import SENTENCES
from tests.support.tiny import CONFIGS, tiny

TEXT = SENTENCES[1]


def make_bundle(kind, **changes):
    """Return a tiny model with eager attention, as models are loaded here."""
    return Bundle.of(*tiny(kind, attn_implementation="eager", **changes))


def read_ids(bundle):
    return bundle.tokenizer(TEXT, return_tensors="pt")["input_ids"]  # (1, F)


def make_problem(bundle, task="text_classification", inputs=None, **params):
    request = Request(task, "tiny", inputs or {"text": TEXT}, params={"unit": "logit", **params})
    return TASKS[task].encode(bundle, validate(request)[0], Run())


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_the_embeddings_of_a_text_are_the_rows_of_its_ids_in_the_table(kind):
    bundle = make_bundle(kind)
    problem = make_problem(bundle)
    torch.testing.assert_close(problem.internals.table[read_ids(bundle)], problem.x, atol=0, rtol=0)


def test_a_scaled_table_has_the_rows_that_the_model_reads():
    bundle = make_bundle("bart", scale_embedding=True)
    problem = make_problem(bundle)
    assert bundle.embeddings.word.embed_scale == pytest.approx(32**0.5)
    torch.testing.assert_close(problem.internals.table[:], bundle.embeddings.word.weight * 32**0.5)
    torch.testing.assert_close(problem.internals.table[read_ids(bundle)], problem.x, atol=0, rtol=0)


def test_explained_positions_have_no_table_of_words_and_the_reason_says_so():
    problem = make_problem(make_bundle("bert"), embedding="position")
    assert problem.internals.table is None
    assert "Set Embedding to word" in dict(problem.internals.reasons)["table"]


def test_several_texts_share_the_table_but_no_other_internals():
    problem = make_problem(
        make_bundle("bert"), "zero_shot_classification", {"text": TEXT, "labels": "a, b"}, entailment="LABEL_1"
    )
    assert (problem.internals.table[:][:, None] == problem.x).all(-1).any(0).all()
    names = ("layer", "hidden", "attentions", "zeroing")
    assert all(
        problem.find(name) is None and "several texts" in dict(problem.internals.reasons)[name] for name in names
    )


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_attention_hidden_states_and_gradients_are_the_models_own(kind):
    bundle = make_bundle(kind)
    problem = make_problem(bundle)
    inputs = bundle.tokenizer(TEXT, return_tensors="pt")
    handle = bundle.embeddings.word.register_forward_hook(lambda _, __, output: output.detach().requires_grad_())
    output = bundle.model(**inputs, output_attentions=True, output_hidden_states=True)
    handle.remove()
    names = ("encoder_attentions", "encoder_hidden_states") if kind == "bart" else ("attentions", "hidden_states")
    weights, states = (getattr(output, name) for name in names)
    torch.testing.assert_close(problem.internals.attentions(), torch.cat(weights).detach())
    index = problem.targets[0].index
    for layer in (0, 1, -1):
        (right,) = torch.autograd.grad(output.logits[0, index], states[layer], retain_graph=True)
        state, gradients = problem.internals.hidden(layer)
        torch.testing.assert_close(state, states[layer].detach())
        torch.testing.assert_close(gradients, right)
        assert gradients.abs().max() > 1e-4
    with pytest.raises(BadRequest, match="has 2 layers, so there is no layer 3"):
        problem.internals.hidden(3)


@pytest.mark.parametrize("kind", ["bert", "albert", "bart", "gpt2", "llama"])
@pytest.mark.parametrize("batch", [1, 5])
def test_zeroing_is_the_distance_of_each_state_without_the_values_of_one_token(kind, batch):
    bundle = make_bundle(kind)
    problem = make_problem(bundle)
    moved = problem.internals.zeroing(min(batch, problem.batching.limit))
    inputs = bundle.tokenizer(TEXT, return_tensors="pt")
    own = [values for values in bundle.capability.values if values.part in ("", "encoder")]
    name = "encoder_hidden_states" if kind == "bart" else "hidden_states"
    count = len(problem.features)
    assert moved.shape == (2, count, count)
    with torch.no_grad():
        plain = bundle.model(**inputs, output_hidden_states=True)[name]
        for layer, token in ((1, 0), (2, 3), (2, count - 1)):
            with own[layer - 1].zero([token]):
                other = bundle.model(**inputs, output_hidden_states=True)[name]
            right = 1 - torch.cosine_similarity(other[layer][0], plain[layer][0], dim=-1)
            torch.testing.assert_close(moved[layer - 1, :, token], right, atol=1e-5, rtol=1e-4)
    assert moved.max() > 1e-3
    if kind in ("gpt2", "llama"):  # a causal model has no attention to later tokens
        torch.testing.assert_close(moved.tril(), moved, atol=1e-5, rtol=0)


def test_a_model_without_attention_weights_is_refused_with_how_to_load_it():
    problem = make_problem(Bundle.of(*tiny("bert")))
    with pytest.raises(Incompatible, match="Load it with attn_implementation='eager'"):
        problem.internals.attentions()
    with pytest.raises(Incompatible, match="Load it with attn_implementation='eager'"):
        problem.internals.zeroing(3)
