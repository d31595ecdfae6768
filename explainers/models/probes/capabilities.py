"""Test on one short sample what a loaded model provides to attribution methods. Call under the model's lock."""

import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...errors import ExplainerError, Incompatible
from . import vision
from .attention import (
    Run,
    ValueProjection,
    explain_missing,
    find_value_projections,
    read_attentions,
    read_states,
    restore_hooks,
)
from .embeddings import Embedding, EmbeddingProbe, encode_sample, watch_calls
from .fences import fence_forward, quote_error

TOLERANCE = 1e-4  # absolute and relative, between two ways of computing the same output
NAMES = ("gradients", "baseline", "layer", "table", "hidden", "attentions", "zeroing", "conv")
Reasons = dict[str, str | None]  # by name; None if the model provides it


@dataclass(frozen=True)
class Capability:
    """Which of `NAMES` a model provides, the reasons why it does not provide the others, and its value projections."""

    provides: frozenset[str]
    reasons: tuple[tuple[str, str], ...]
    values: tuple[ValueProjection, ...] = ()


def probe_text_model(model: Any, tokenizer: Any, embeddings: EmbeddingProbe, label: str) -> Capability:
    """Test a text model. A test that fails is a reason against one capability, not against the model."""
    inputs = encode_sample(model, tokenizer)
    length = inputs["input_ids"].shape[-1]

    def run(**more: Any) -> Any:
        return model(**inputs, **more)

    with restore_hooks(model):
        with fence_forward(label):
            plain, calls = watch_calls([embeddings.word], run)
        embedding = calls[0].first(length)
        reasons: Reasons = {
            "gradients": _fence(
                lambda: _test_gradient(embedding.of(embedding.ids), _substitute(embedding, run), plain[0])
            ),
            "baseline": None,
            "layer": None,
            "table": None,
            "hidden": _fence(lambda: _test_hidden(run, embedding)),
            "conv": "It reads text, so it has no convolutional map of an image.",
        }
        return _finish(model, run, length, reasons)


def probe_image_model(model: Any, processor: Any, label: str) -> Capability:
    """Test an image model. Raises Incompatible if its processor does not return pixel values."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    pixels = processor(images=Image.fromarray(noise), return_tensors="pt").get("pixel_values")
    if not isinstance(pixels, Tensor) or pixels.dim() != 4:
        raise Incompatible(f"The image processor of {label} does not return pixel_values of shape (1, C, H, W).")

    def run(**more: Any) -> Any:
        return model(pixel_values=pixels, **more)

    with restore_hooks(model):
        with fence_forward(label):
            plain, probe = vision.watch(model, pixels, run)
        conv = probe.find_last_map((pixels.shape[2], pixels.shape[3]))
        reasons: Reasons = {
            "gradients": _fence(lambda: _test_gradient(pixels, lambda x: model(pixel_values=x)[0], plain[0])),
            "baseline": None,
            "layer": "It reads pixels, so it has no token embeddings.",
            "table": "It reads pixels, so it has no token embeddings.",
            "hidden": "It reads pixels; hidden states are only used for text models.",
            "conv": None if conv else "It has no convolutional map of the image just before its head.",
        }
        return _finish(model, run, None, reasons)


def _finish(model: Any, run: Run, length: int | None, reasons: Reasons) -> Capability:
    """Add attention and value zeroing to the reasons, `length` being the number of tokens if they are text."""
    no_attention = _fence(lambda: _test_attention(model, run, length))
    values: list[ValueProjection] = []

    def test_zeroing() -> str | None:
        values.extend(find_value_projections(model, run))
        return None if values else "Its value projections could not be identified."

    no_zeroing = no_attention or _fence(test_zeroing)
    reasons = reasons | {"attentions": no_attention, "zeroing": no_zeroing}
    return Capability(
        provides=frozenset(name for name in NAMES if reasons[name] is None),
        reasons=tuple((name, why) for name in NAMES if (why := reasons[name]) is not None),
        values=tuple(values),
    )


def _fence(test: Callable[[], str | None]) -> str | None:
    """Return the result of a test, or as a reason what the model's code raises in it."""
    try:
        return test()
    except ExplainerError as error:
        return str(error)
    except Exception as error:
        logging.getLogger(__name__).info("A capability cannot be tested", exc_info=error)
        return f"The model's own code fails when this is tested, with {quote_error(error)}."


def _test_attention(model: Any, run: Run, length: int | None) -> str | None:
    """Return why the model does not provide attention weights, or None if it does."""
    parameters = inspect.signature(model.forward).parameters.values()
    accepted = any(one.name == "output_attentions" or one.kind is one.VAR_KEYWORD for one in parameters)
    with torch.no_grad():
        layers = read_attentions(run(output_attentions=True)) if accepted else ()
    return explain_missing(layers, length, model.config._attn_implementation)


def _substitute(embedding: Embedding, run: Run) -> Callable[[Tensor], Tensor]:
    """Return the model's output as a function of its embeddings (B, F, D)."""

    def score(x: Tensor) -> Tensor:
        with embedding.replace_output(x):
            return run()[0]  # type: ignore[no-any-return]

    return score


def _test_gradient(x: Tensor, run: Callable[[Tensor], Tensor], plain: Tensor) -> str | None:
    """Return why the output has no usable gradient at x, or None if it has one and equals the `plain` output."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        output = run(x)
        if not output.requires_grad:
            return "Its output is not differentiable with respect to its input."
        gradient = torch.autograd.grad(output.max(), x, materialize_grads=True)[0]
    if not bool(gradient.isfinite().all()) or not bool(gradient.any()):
        return "Its output has a zero or non-finite gradient with respect to the input."
    if not torch.allclose(output, plain, atol=TOLERANCE, rtol=TOLERANCE):
        return "Its output changes when the same embeddings are passed in directly."
    return None


def _test_hidden(run: Run, embedding: Embedding) -> str | None:
    """Return why the hidden states are not those that the output is computed from, or None if they are."""
    with torch.enable_grad(), embedding.replace_output(embedding.of(embedding.ids).requires_grad_()):
        output = run(output_hidden_states=True)
        found = read_states(output)
        if not found:
            return "It does not return hidden states."
        gradients = torch.autograd.grad(output[0].max(), found, allow_unused=True)
    return (
        None if all(gradient is not None for gradient in gradients) else "It returns only copies of its hidden states."
    )
