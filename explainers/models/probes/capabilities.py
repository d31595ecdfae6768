"""Test on one short sample what a loaded model provides to attribution methods. Call under the model's lock."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...errors import ExplainerError
from . import vision
from .attention import (
    Run,
    ValueProjection,
    explain_missing,
    find_value_projections,
    read_states,
    restore_hooks,
    run_with_attentions,
)
from .embeddings import TOLERANCE, UNHOOKED, Embedding, EmbeddingProbe, encode_sample
from .fences import fence_forward, quote_error
from .repeatability import allows_batches

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
        parts = [inputs[name] for name in ("input_ids", "decoder_input_ids") if name in inputs]
        with fence_forward(label):
            plain, embedding = embeddings.watch(parts, run)
        reasons: Reasons = {
            **_test_embedding(embedding, run, plain[0], embeddings.only_ids),
            "baseline": None,
            "conv": "It reads text, so it has no convolutional map of an image.",
        }
        return _finish(model, run, length, reasons)


def probe_image_model(model: Any, processor: Any, label: str) -> Capability:
    """Test an image model. Raises Incompatible if its processor does not return pixel values."""
    pixels = vision.process_sample(model, processor, label)

    def run(**more: Any) -> Any:
        return model(pixel_values=pixels, **more)

    with restore_hooks(model):
        with fence_forward(label):
            plain, probe = vision.watch(model, pixels, run)
        conv = probe.find_last_map((pixels.shape[2], pixels.shape[3]))
        reasons: Reasons = {
            "gradients": _try(lambda: _test_gradient(pixels, lambda x: model(pixel_values=x)[0], plain[0])),
            "baseline": None,
            "layer": "It reads pixels, so it has no token embeddings.",
            "table": "It reads pixels, so it has no token embeddings.",
            "hidden": "It reads pixels; hidden states are only used for text models.",
            "conv": None if conv else vision.NO_MAP,
        }
        return _finish(model, run, None, reasons)


def allows_image_batches(model: Any, processor: Any, label: str) -> bool:
    """Return whether an image model reads each image of a batch as alone. Raises Incompatible if its passes differ."""
    inputs = {vision.PIXELS: vision.process_sample(model, processor, label)}
    with torch.no_grad():
        alone = model(**inputs)[0]
    return allows_batches(model, lambda rows: model(**rows)[0], inputs, alone, label)


def _finish(model: Any, run: Run, length: int | None, reasons: Reasons) -> Capability:
    """Add attention and value zeroing to the reasons, `length` being the number of tokens if they are text."""
    values: tuple[ValueProjection, ...] = ()

    def test_zeroing() -> str | None:
        nonlocal values
        values = find_value_projections(model, run)
        return None if values else "Its value projections could not be identified."

    no_attention = _try(lambda: _test_attention(model, run, length))
    no_zeroing = no_attention or _try(test_zeroing)
    reasons = reasons | {"attentions": no_attention, "zeroing": no_zeroing}
    return Capability(
        provides=frozenset(name for name in NAMES if reasons[name] is None),
        reasons=tuple((name, why) for name in NAMES if (why := reasons[name]) is not None),
        values=tuple(values),
    )


def _try(test: Callable[[], str | None]) -> str | None:
    """Return the reason that a test returns, or makes by failing: its model then only lacks what was tested.

    A model's own code may raise anything when it is asked for something that it was not used for before.
    """
    try:
        return test()
    except MemoryError:
        raise
    except ExplainerError as error:
        return str(error)
    except Exception as error:
        logging.getLogger(__name__).warning("A test of a model failed", exc_info=error)
        return f"The test of it failed inside the model, with {quote_error(error)}."


def _test_attention(model: Any, run: Run, length: int | None) -> str | None:
    """Return why the model does not provide attention weights, or None if it does."""
    return explain_missing(run_with_attentions(model, run), length, model.config._attn_implementation)


def _test_embedding(embedding: Embedding, run: Run, plain: Tensor, only_ids: str) -> Reasons:
    """Return why what needs embeddings is not provided; `only_ids` is why nothing is, if the model is run on ids."""
    if not embedding.readers:
        return dict.fromkeys(("gradients", "layer", "table", "hidden"), only_ids)
    return {
        "gradients": _try(lambda: _test_gradient(embedding.of(embedding.ids), _substitute(embedding, run), plain)),
        "layer": None if embedding.can_be_hooked else UNHOOKED,
        "table": None if embedding.table else "Its encoder and decoder have different embeddings.",
        "hidden": _try(lambda: _test_hidden(run, embedding)),
    }


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
