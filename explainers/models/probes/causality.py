"""Find out whether a model that generates text sees later tokens too, as BERT and its kin do by default."""

from typing import Any

import torch
from transformers import GenerationMixin

from .embeddings import encode_sample

TOLERANCE = 1e-4  # relative to the largest logit; in half precision, 8 times its rounding error


def looks_ahead(model: Any, tokenizer: Any) -> bool:
    """Return whether the logits at a token change if the text goes on after it. Call under the model's lock."""
    inputs = encode_sample(model, tokenizer)
    name = "decoder_input_ids" if "decoder_input_ids" in inputs else "input_ids"
    length = max(inputs[name].shape[-1] - 2, 2)
    cut = {name} if name == "decoder_input_ids" else set(inputs)  # a source stays whole
    shorter = {key: rows[..., :length] if key in cut else rows for key, rows in inputs.items()}
    with torch.no_grad():
        whole, prefix = (getattr(model(**rows), "logits", None) for rows in (inputs, shorter))
    if whole is None or prefix is None or whole.dim() != 3:
        return False
    if (whole.shape[1], prefix.shape[1]) != (inputs[name].shape[-1], length):
        return False  # not one row of logits a token
    whole, prefix = whole[:, :length].double(), prefix.double()
    finite = whole.isfinite() & prefix.isfinite()
    limit = max(TOLERANCE, 8 * torch.finfo(model.dtype).eps) * float(whole[finite].abs().max())
    return float((whole - prefix)[finite].abs().max()) > limit


def differs_without_cache(model: Any, tokenizer: Any) -> bool:
    """Return whether an encoder-decoder model has other logits without a cache. Call under the model's lock.

    T5Gemma and FSMT hide padding from the decoder only then, and it may begin with it.
    """
    inputs = encode_sample(model, tokenizer)
    if "decoder_input_ids" not in inputs:
        return False
    with torch.no_grad():
        plain, without = (getattr(model(**inputs, **more), "logits", None) for more in ({}, {"use_cache": False}))
    if plain is None or without is None:
        return False
    limit = max(TOLERANCE, 8 * torch.finfo(model.dtype).eps) * float(plain.abs().max())
    return not torch.allclose(plain, without, atol=limit, rtol=0)


def generates_from(model: Any, ids: torch.Tensor) -> bool:
    """Return whether `generate` of a decoder gives it these ids (1, N) and no others: XLM and XLNet append one."""
    if type(model).prepare_inputs_for_generation is GenerationMixin.prepare_inputs_for_generation:
        return True
    prepared = model.prepare_inputs_for_generation(ids).get("input_ids")
    return prepared is None or prepared.shape[-1] <= ids.shape[-1]
