"""Models that see later tokens too: each generated token is explained from its own prefix, as plain calls read it."""

import copy

import numpy as np
import pytest
import torch
import transformers
from numpy.testing import assert_allclose

from explainers import METHODS, Bundle, Request, Target, explain, predict
from explainers.errors import Incompatible
from explainers.models.card import Card
from explainers.models.loading import _probe
from explainers.models.probes.causality import generates_from, looks_ahead
from tests.support.generation_models import AFTER, BEFORE, bundle_of, ids_of
from tests.support.tiny import GROUPED, SMALL, tokenizer_for

XLM = {"emb_dim": 32, "n_layers": 2, "n_heads": 4, "pad_index": 1, "mask_token_id": 3, "causal": False}
AHEAD = {
    "bert": SMALL,
    "electra": SMALL | {"embedding_size": 16},
    "roberta": SMALL | {"pad_token_id": 1},
    "xlm": XLM,
}
PARTS = ("encoder_layers", "decoder_layers", "encoder_attention_heads", "decoder_attention_heads")
PROPHETNET = {f"num_{name}": 2 for name in PARTS} | {"hidden_size": 32, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}


def build(kind, reader="gpt2", auto="AutoModelForCausalLM", **size):
    """Make a small random model that writes, with a tokenizer of another kind."""
    tokenizer = tokenizer_for(reader)
    names = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos")}
    usual = {"initializer_range": 0.4, "init_std": 0.4, "vocab_size": len(tokenizer)} | names
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        config = transformers.AutoConfig.for_model(kind, **usual | size)
        model = getattr(transformers, auto).from_config(config).eval()
    model.set_attn_implementation("eager")
    return Bundle.of(model, tokenizer)


def ask(continuation=AFTER, method="saliency", **more):
    inputs = {"prompt": BEFORE} | ({"continuation": continuation} if continuation else {})
    return Request("text_generation", "tiny", inputs, method, **more)


def compute_steps(bundle, ids):
    """Compute the probabilities (W, V) of each token after its prefix alone, by plain calls."""
    own = bundle.tokenizer(BEFORE)["input_ids"]
    with torch.no_grad():
        rows = [bundle.model(input_ids=torch.tensor([own + ids[:i]])).logits[0, -1] for i in range(len(ids))]
    return torch.stack(rows).softmax(-1)


@pytest.mark.parametrize("kind", AHEAD)
def test_the_probability_of_each_token_is_that_after_its_prefix_alone(kind):
    bundle = build(kind, **AHEAD[kind])
    explanation = explain(ask(params={"start": 2}), bundle=bundle)
    written = [target.index for target in explanation.prediction.targets]
    right = compute_steps(bundle, written).gather(1, torch.tensor(written)[:, None])[:, 0]
    assert_allclose(explanation.values, right[1:], rtol=1e-4)
    assert_allclose([target.probability for target in explanation.prediction.targets], right, rtol=1e-4)
    assert [explanation.tokens[target.position] for target in explanation.targets] == [
        target.label for target in explanation.targets
    ]
    assert any("later tokens" in notice for notice in explanation.notices)


def test_the_written_text_is_the_most_probable_one_after_each_prefix():
    bundle = build("bert", **SMALL)
    ids = ids_of(predict(ask("", params={"most_new_tokens": 5}), bundle=bundle))
    assert ids == compute_steps(bundle, ids).argmax(-1).tolist()


def test_the_gradient_of_a_token_is_that_of_its_prefix_alone():
    bundle = build("bert", **SMALL)
    explanation = explain(ask(method="input_x_gradient", target=Target(foil="or the soup")), bundle=bundle)
    ids = bundle.tokenizer(BEFORE)["input_ids"] + [target.index for target in explanation.prediction.targets]
    table = bundle.model.get_input_embeddings()
    for target, scores in zip(explanation.targets, explanation.scores, strict=True):
        x = table(torch.tensor([ids[: target.position]])).detach().requires_grad_()
        shares = bundle.model(inputs_embeds=x).logits[0, -1].softmax(-1)
        foil = bundle.tokenizer.convert_tokens_to_ids(target.foil.replace(" ", "Ġ"))
        gradient = torch.autograd.grad(shares[target.index] - shares[foil], x)[0]
        assert_allclose(scores[: target.position], (gradient * x).sum(-1)[0].detach(), rtol=1e-3, atol=1e-6)
        assert np.isnan(scores[target.position :]).all()


@pytest.mark.slow
def test_dropout_and_every_method_work_or_say_why_not():
    bundle = build("bert", **SMALL)
    params = {"unit": "dropout_spread", "dropout_samples": 2, "end": 2}
    explanation = explain(ask(params=params), bundle=bundle)
    assert (explanation.values > 0).all()
    refused = set()
    for method in METHODS:
        try:
            assert len(explain(ask(method=method, params={"end": 2}), bundle=bundle).targets) == 2
        except Incompatible:
            refused |= METHODS[method].needs
    assert refused <= {"layer", "hidden", "attentions", "zeroing", "conv", "gradients", "baseline"}


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bart", "t5"])
def test_models_that_see_only_what_comes_before_do_not_look_ahead(kind):
    assert not bundle_of(kind).looks_ahead


@pytest.mark.slow
def test_prophetnet_whose_logits_move_with_the_length_of_the_target_is_read_prefix_by_prefix():
    bundle = build("prophetnet", "t5", "AutoModelForSeq2SeqLM", decoder_start_token_id=1, **PROPHETNET)
    assert looks_ahead(bundle.model, bundle.tokenizer)
    request = Request("translation", "tiny", {"source": BEFORE, "target": AFTER}, "saliency")
    explanation = explain(request, bundle=bundle)
    ids, source = ids_of(explanation), bundle.tokenizer(BEFORE, return_tensors="pt")["input_ids"]
    for i, token in enumerate(ids):
        with torch.no_grad():
            logits = bundle.model(input_ids=source, decoder_input_ids=torch.tensor([[1, *ids[:i]]])).logits
        assert explanation.values[i] == pytest.approx(float(logits[0, -1].softmax(-1)[token]), rel=1e-3)


def test_a_decoder_that_hides_padding_only_without_a_cache_is_read_as_it_is_by_default():
    """T5Gemma does so, and the token that its target begins with may be the one for padding."""
    part = GROUPED | {"head_dim": 8, "vocab_size": len(tokenizer_for("t5")), "initializer_range": 0.4}
    parts = {name: part | {"pad_token_id": 1} for name in ("encoder", "decoder")}
    bundle = build("t5gemma", "t5", "AutoModelForSeq2SeqLM", decoder_start_token_id=1, **parts)
    assert bundle.needs_cache
    request = Request("translation", "tiny", {"source": BEFORE, "target": AFTER}, "saliency", params={"unit": "logit"})
    explanation = explain(request, bundle=bundle)
    ids, inputs = ids_of(explanation), bundle.tokenizer(BEFORE, return_tensors="pt")
    with torch.no_grad():
        logits = bundle.model(**inputs, decoder_input_ids=torch.tensor([[1, *ids]])).logits[0]
    expected = [float(logits[i, token]) for i, token in enumerate(ids)]
    assert explanation.values.tolist() == pytest.approx(expected, rel=1e-4)


def test_a_model_that_appends_a_token_to_write_cannot_write_here():
    bundle = build("xlm", **XLM)
    assert not generates_from(bundle.model, torch.tensor([[5, 6]]))
    with pytest.raises(Incompatible, match="appends a token of its own"):
        explain(ask(""), bundle=bundle)


def test_a_loaded_model_that_looks_ahead_offers_no_method_that_needs_one_pass():
    bundle = copy.copy(build("bert", **SMALL))
    card = Card("tiny", "folder", ("text_generation",), "tiny", provides=frozenset({"gradients", "attentions"}))
    card = _probe(Bundle(card, bundle.model, bundle.tokenizer)).card
    assert card.provides == {"gradients"}
    assert "later tokens" in dict(card.reasons)["attentions"]
