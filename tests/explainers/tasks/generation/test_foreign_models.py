"""Models of any configuration, precision and size of vocabulary generate text and are explained as they are."""

import copy

import numpy as np
import pytest
import torch
import transformers
from transformers import AutoConfig

from explainers import Bundle, explain, predict
from explainers.errors import Incompatible
from explainers.export.serialize import from_json, to_json
from tests.support.generation_models import BEFORE, bundle_of, ids_of, request_of
from tests.support.tiny import GROUPED, SEQ2SEQ, SMALL, tokenizer_for

RECURRENT = {
    "mamba": {"state_size": 4},
    "mamba2": {"state_size": 4, "num_heads": 8, "head_dim": 8, "n_groups": 2, "chunk_size": 4},
    "falcon_mamba": {"state_size": 4},
    "rwkv": {"attention_hidden_size": 32},
}
SEES = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "image_size": 16,
    "patch_size": 8,
}


def make(config, auto="AutoModelForCausalLM"):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = getattr(transformers, auto)(config) if hasattr(config, "text_config") else None
        return (model or getattr(transformers, auto).from_config(config)).eval()


def make_recurrent(kind, tokenizer):
    size = {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": len(tokenizer), "initializer_range": 0.4}
    return make(AutoConfig.for_model(kind, **size | RECURRENT[kind]))


def make_composed(name, tokenizer):
    text = SMALL | {"num_key_value_heads": 2, "vocab_size": len(tokenizer) + 5, "head_dim": 8, "pad_token_id": 0}
    image = len(tokenizer) + 1
    if name == "LlavaForConditionalGeneration":
        sees = transformers.CLIPVisionConfig(**SEES)
        return make(
            transformers.LlavaConfig(
                text_config=transformers.LlamaConfig(**text), vision_config=sees, image_token_index=image
            ),
            name,
        )
    text |= {"layer_types": ["full_attention"] * 2}
    config = transformers.Gemma3Config(text_config=text, vision_config=SEES, image_token_index=image)
    config.mm_tokens_per_image = 4
    return make(config, name)


def make_double(tokenizer):
    """Make an encoder-decoder of two BERTs, with more layers in the encoder."""
    wide = SMALL | {"vocab_size": len(tokenizer), "initializer_range": 0.4}
    encoder = transformers.BertConfig(**wide | {"num_hidden_layers": 3})
    decoder = transformers.BertConfig(is_decoder=True, add_cross_attention=True, **wide)
    config = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = transformers.EncoderDecoderModel(config).eval()
    model.generation_config.decoder_start_token_id = model.config.decoder_start_token_id = tokenizer.cls_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def compute_plainly(bundle, explanation):
    """Compute the probability of each token by one pass of the model for it alone."""
    model, ids = bundle.model, ids_of(explanation)
    own = bundle.tokenizer(BEFORE, return_tensors="pt")["input_ids"]
    expected = []
    for t, token in enumerate(ids):
        so_far = torch.tensor([ids[:t]]).long()
        with torch.no_grad():
            if model.config.is_encoder_decoder:
                start = torch.tensor([[model.generation_config.decoder_start_token_id]])
                logits = model(input_ids=own, decoder_input_ids=torch.cat([start, so_far], dim=1)).logits
            else:
                logits = model(input_ids=torch.cat([own, so_far], dim=1), use_cache=False).logits
        expected.append(float(logits[0, -1].double().softmax(-1)[token]))
    return expected


@pytest.mark.parametrize("kind", RECURRENT)
def test_a_model_without_attention_heads_is_explained(kind):
    tokenizer = tokenizer_for("gpt2")
    bundle = Bundle.of(make_recurrent(kind, tokenizer), tokenizer)
    explanation = explain(request_of("gpt2", "and"), bundle=bundle)
    assert explanation.values == pytest.approx(compute_plainly(bundle, explanation), rel=1e-3)
    with pytest.raises(Incompatible, match=r"no attention layers|not return"):
        explain(request_of("gpt2", "and", "attention"), bundle=bundle)


@pytest.mark.parametrize("name", ["Gemma3ForConditionalGeneration", "LlavaForConditionalGeneration"])
def test_a_model_that_also_sees_is_explained_by_its_part_for_text(name):
    tokenizer = tokenizer_for("gpt2")
    model = make_composed(name, tokenizer)
    model.set_attn_implementation("eager")
    bundle = Bundle.of(model, tokenizer)
    explanation = explain(request_of("gpt2", "and", "attention"), bundle=bundle)
    assert explanation.values == pytest.approx(compute_plainly(bundle, explanation), rel=1e-3)
    assert np.nansum(explanation.scores, axis=1) == pytest.approx(1, abs=1e-4)


def test_an_encoder_decoder_of_two_models_is_explained_and_its_attention_read_from_its_decoder():
    tokenizer = tokenizer_for("bert")
    model = make_double(tokenizer)
    model.set_attn_implementation("eager")
    bundle = Bundle.of(model, tokenizer)
    explanation = explain(request_of("bart", "and rude", "attention", params={"layer": 2}), bundle=bundle)
    assert explanation.values == pytest.approx(compute_plainly(bundle, explanation), rel=1e-3)
    ids = tokenizer(BEFORE, return_tensors="pt")["input_ids"]
    written = torch.tensor([[tokenizer.cls_token_id, *ids_of(explanation)[:-1]]])
    with torch.no_grad():
        output = model(input_ids=ids, decoder_input_ids=written, output_attentions=True)
    across = output.cross_attentions[1][0].mean(0)[-1] / 2
    np.testing.assert_allclose(explanation.scores[-1][: ids.shape[1]], across, rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_probabilities_are_those_of_the_models_logits_in_single_precision_at_least(dtype):
    bundle = bundle_of("llama")
    bundle = Bundle.of(bundle.model.to(dtype), bundle.tokenizer)
    explanation = explain(request_of("llama"), bundle=bundle)
    ids, written = bundle.tokenizer(BEFORE)["input_ids"], ids_of(explanation)
    with torch.no_grad():
        logits = bundle.model(input_ids=torch.tensor([ids + written]), use_cache=False).logits[0, len(ids) - 1 : -1]
    shares = logits.double().softmax(-1)
    right = shares[range(len(written)), written]
    assert explanation.values == pytest.approx(right.tolist(), rel=2e-6)
    assert [target.probability for target in explanation.targets] == pytest.approx(right.tolist(), rel=2e-6)
    sizes = (shares.sort(descending=True).values.cumsum(-1) < 0.9).sum(-1) + 1
    assert dict(explanation.steps)["top_p_size"] == pytest.approx(sizes.tolist())


def test_tokens_that_the_model_makes_impossible_do_not_spoil_the_entropy():
    bundle = bundle_of("llama")
    bundle.model.lm_head.register_forward_hook(lambda _, __, logits: logits.index_fill(-1, torch.arange(9), -torch.inf))
    explanation = explain(request_of("llama", "rude"), bundle=bundle)
    ids, written = bundle.tokenizer(BEFORE)["input_ids"], ids_of(explanation)
    with torch.no_grad():
        logits = bundle.model(input_ids=torch.tensor([ids + written])).logits[0, len(ids) - 1 : -1, 9:]
    entropies = torch.special.entr(logits.softmax(-1)).sum(-1)
    assert dict(explanation.steps)["entropy"] == pytest.approx(entropies.tolist(), rel=1e-4)
    explained = explain(request_of("llama", "rude", params={"unit": "entropy"}), bundle=bundle)
    assert np.isfinite(explained.scores[~np.isnan(explained.scores)]).all()
    assert np.nanmax(np.abs(explained.scores)) > 0


def build(kind, tokenizer, auto="AutoModelForCausalLM", **size):
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos")}
    wide = {"initializer_range": 0.4, "init_std": 0.4, "vocab_size": len(tokenizer)}
    return make(AutoConfig.for_model(kind, **wide | ids | size), auto)


def test_tokens_that_only_fill_up_the_models_table_are_generated_as_by_transformers():
    tokenizer = tokenizer_for("llama")
    model = build("llama", tokenizer, **GROUPED | {"vocab_size": len(tokenizer) + 400})
    bundle = Bundle.of(model, tokenizer)
    prediction = predict(request_of("llama", "", params={"most_new_tokens": 8}), bundle=bundle)
    inputs = tokenizer(BEFORE, return_tensors="pt")
    ids = model.generate(**inputs, max_new_tokens=8, do_sample=False)[0, inputs["input_ids"].shape[1] :].tolist()
    assert ids_of(prediction) == ids
    assert max(ids) >= len(tokenizer)
    assert prediction.text == tokenizer.decode(ids, skip_special_tokens=True)
    assert [target.label for target in prediction.targets if target.index >= len(tokenizer)] == [
        f"[{token}]" for token in ids if token >= len(tokenizer)
    ]
    explanation = explain(request_of("llama", "", params={"most_new_tokens": 8}), bundle=bundle)
    assert ids_of(explanation) == ids
    assert from_json(to_json(explanation)) == explanation


def test_a_token_without_a_row_is_refused_by_name():
    bundle = bundle_of("llama")
    tokenizer = copy.deepcopy(bundle.tokenizer)
    tokenizer.add_tokens(["<brk>"])
    bundle = Bundle.of(bundle.model, tokenizer)
    for request in (
        request_of("llama", before="the soup <brk> was cold"),
        request_of("llama", "and <brk> rude"),
        request_of("llama", "", before="the soup <brk> was cold"),
    ):
        with pytest.raises(Incompatible, match=rf"token '<brk>'.*id (is )?{len(tokenizer) - 1}"):
            explain(request, bundle=bundle)


def test_a_translator_with_a_smaller_vocabulary_for_its_target_is_explained():
    tokenizer = tokenizer_for("marian")
    size = SEQ2SEQ | {"decoder_start_token_id": 2, "share_encoder_decoder_embeddings": False, "decoder_vocab_size": 20}
    bundle = Bundle.of(build("marian", tokenizer, "AutoModelForSeq2SeqLM", **size, forced_eos_token_id=None), tokenizer)
    with pytest.raises(Incompatible, match="no row for the token '▁a': its id is 34, and the model has 20 rows"):
        explain(request_of("marian", "a"), bundle=bundle)
    prediction = predict(request_of("marian", "", params={"most_new_tokens": 5}), bundle=bundle)
    explanation = explain(request_of("marian", "", params={"most_new_tokens": 5}), bundle=bundle)
    assert max(ids_of(explanation)) < 20
    assert ids_of(explanation) == ids_of(prediction)
    assert explanation.values == pytest.approx(compute_plainly(bundle, explanation), rel=1e-3)
