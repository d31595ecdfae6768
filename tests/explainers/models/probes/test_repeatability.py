"""Models that draw random numbers, and models that read an input within a batch as another one."""

import copy
import warnings

import numpy as np
import pytest
import torch
import transformers
from torch import nn

from explainers import Bundle, Request, attack, evaluate, explain, predict
from explainers.errors import Incompatible
from explainers.models.probes.repeatability import allows_batches
from tests.support.image_models import PHOTO
from tests.support.sentences import SENTENCES
from tests.support.tiny import tiny, tokenizer_for

TEXT = "the cast is wonderful and the soup cold"
LONG = " ".join(SENTENCES[:3])
REFORMER = {
    "hidden_size": 32,
    "attention_head_size": 8,
    "num_attention_heads": 4,
    "feed_forward_size": 48,
    "attn_layers": ["local", "lsh"],
    "axial_pos_shape": [16, 8],
    "axial_pos_embds_dim": [16, 16],
    "max_position_embeddings": 128,
    "local_attn_chunk_length": 8,
    "lsh_attn_chunk_length": 8,
    "is_decoder": False,
    "num_buckets": 2,
    "initializer_range": 0.3,
}


def make_reformer(**changes):
    reader = tokenizer_for("xlm-roberta")
    ids = {"pad_token_id": reader.pad_token_id, "eos_token_id": reader.eos_token_id}
    config = transformers.ReformerConfig(**REFORMER | changes, num_labels=3, vocab_size=len(reader), **ids)
    torch.manual_seed(7)
    return transformers.AutoModelForSequenceClassification.from_config(config).eval(), reader


def make_quantized():
    """Make a model with int8 weights whose activations are scaled by the largest of the whole batch."""
    model, reader = tiny("bert")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch moves its quantisation to another library
        return torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8), reader


class Centred(nn.Module):
    """A layer that subtracts from each input the mean of its batch and its tokens."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, states):
        return self.layer(states - 0.5 * states.mean(dim=tuple(range(states.dim() - 1)), keepdim=True))


class Dropped(nn.Module):
    """A layer with the common slip of a functional dropout that is never off."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, states):
        return self.layer(nn.functional.dropout(states, 0.5))


def replace_head(model, make):
    """Return a copy of BERT or of a vision transformer with another layer in front of its classifier."""
    model = copy.deepcopy(model)
    model.classifier = make(model.classifier)
    return model


def ask(text=TEXT, method="occlusion", **params):
    return Request("text_classification", "x", {"text": text}, method, params=params)


def ask_image(method="occlusion"):
    return Request("image_classification", "x", {"image": PHOTO}, method, params={"patch": 16})


@torch.no_grad()
def compute_falls(model, reader, text, fill):
    """Compute F(x) - F(x without a word) for each word of one token, by passes of one input each."""
    encoded = reader(text, return_tensors="pt", return_special_tokens_mask=True)
    special, ids = encoded.pop("special_tokens_mask")[0].bool(), encoded["input_ids"]
    whole, falls = model(**encoded).logits[0].softmax(-1), []
    for place in range(len(special)):
        blank = ids.index_fill(1, torch.tensor([place]), int(ids[0, place]) if special[place] else fill)
        part = model(**encoded | {"input_ids": blank}).logits[0].softmax(-1)
        falls.append(float((whole - part)[whole.argmax()]))
    return falls


def test_a_model_quantised_while_it_runs_gets_one_input_at_a_time():
    model, reader = make_quantized()
    found = explain(ask(level="token"), bundle=Bundle.of(model, reader))
    expected = compute_falls(model, reader, TEXT, reader.pad_token_id)
    np.testing.assert_allclose(found.scores[0], expected, atol=1e-6)
    assert Bundle.of(model, reader).largest_batch == 1
    assert evaluate(found, bundle=Bundle.of(model, reader)).value == found.values[0]
    attack("random_swap", ask(), bundle=Bundle.of(model, reader))


@pytest.mark.parametrize("method", ["occlusion", "integrated_gradients", "lime"])
def test_a_model_that_mixes_its_batch_gets_one_input_at_a_time(method):
    model, reader = tiny("bert")
    bundle = Bundle.of(replace_head(model, Centred), reader)
    params = {"most_passes": 40} if method == "integrated_gradients" else {"samples": 6} if method == "lime" else {}
    found = explain(ask(method=method, **params), bundle=bundle)
    alone = explain(ask(method=method, **params), bundle=bundle, batch=1)
    np.testing.assert_allclose(found.scores, alone.scores, atol=1e-6)
    with torch.no_grad():
        plain = bundle.model(**reader(TEXT, return_tensors="pt")).logits.softmax(-1)
    assert found.values[0] == pytest.approx(float(plain.max()), abs=1e-6)


def test_an_image_model_that_mixes_its_batch_gets_one_image_at_a_time():
    model, processor = tiny("vit")
    bundle = Bundle.of(replace_head(model, Centred), processor)
    assert bundle.largest_batch == 1
    found = explain(ask_image(), bundle=bundle)
    np.testing.assert_allclose(found.scores, explain(ask_image(), bundle=bundle, batch=1).scores, atol=1e-6)


@pytest.mark.parametrize("kind", ["bert", "roberta", "t5", "bart", "longformer", "deberta-v2", "vit", "resnet", "swin"])
def test_other_models_get_batches(kind):
    assert Bundle.of(*tiny(kind)).largest_batch > 1


@pytest.mark.parametrize("verb", [explain, predict])
def test_a_model_that_hashes_at_random_is_refused_by_that_name(verb):
    with pytest.raises(Incompatible, match=r"draws random numbers.*give [\d.]+ and then [\d.]+.*hash_seed"):
        verb(ask(), bundle=Bundle.of(*make_reformer()))


def test_a_model_that_hashes_at_random_only_in_long_texts_is_refused_by_that_name():
    bundle = Bundle.of(*make_reformer(lsh_attn_chunk_length=32))
    with pytest.raises(Incompatible, match="draws random numbers"):
        explain(ask(LONG), bundle=bundle)


def test_a_model_that_hashes_with_a_seed_is_explained():
    model, reader = make_reformer(hash_seed=3)
    with torch.no_grad():
        plain = model(**reader(TEXT, return_tensors="pt")).logits.softmax(-1)
    assert explain(ask(), bundle=Bundle.of(model, reader)).values[0] == pytest.approx(float(plain.max()), abs=1e-6)
    with pytest.raises(Incompatible, match=r"backward pass.*Choose a method that does not use gradients"):
        explain(ask(method="saliency"), bundle=Bundle.of(model, reader))  # it has gradients only in training mode


@pytest.mark.parametrize("kind", ["bert", "vit"])
@pytest.mark.parametrize("verb", [explain, predict])
def test_dropout_that_is_never_off_is_named(kind, verb):
    model, reader = tiny(kind)
    bundle = Bundle.of(replace_head(model, Dropped), reader)
    with pytest.raises(Incompatible, match="draws random numbers"):
        verb(ask() if kind == "bert" else ask_image(), bundle=bundle)


def test_a_model_that_refuses_a_batch_gets_one_input_at_a_time():
    def run(inputs):
        if len(inputs["input_ids"]) > 1:
            raise NotImplementedError("one text only")
        return inputs["input_ids"].float()

    inputs = {"input_ids": torch.tensor([[1, 2, 3]])}
    assert not allows_batches(nn.Identity(), run, inputs, run(inputs), "one")


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-6), (torch.bfloat16, 2e-2)])
def test_rounding_is_no_dependence_on_the_batch(dtype, error):
    def run(inputs):
        ids = inputs["input_ids"].float()
        return ids * (1 + error * (len(ids) > 1))

    inputs = {"input_ids": torch.tensor([[1, 2, 3]])}
    assert allows_batches(nn.Linear(1, 1, dtype=dtype), run, inputs, run(inputs), "rounding")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_models_with_half_precision_get_batches(dtype):
    model, reader = tiny("bert")
    assert Bundle.of(copy.deepcopy(model).to(dtype), reader).largest_batch > 1
