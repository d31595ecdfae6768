"""What a loaded model can give to a method, and why not where it cannot: measured on one short sample.

Knows no task and no method. The model is left as it was; to be called under its lock.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...errors import Incompatible
from .attention import Run, Values, attentions, states, untouched, values_of, why_none
from .embeddings import Anatomy, Embedding, sample, watched

NEAR_HEAD = 3  # layers with weights that may lie between the last map and the logits: a norm and two projections
CLOSE = 1e-4


@dataclass(frozen=True)
class Layout:
    """Which special tokens stand where, the texts being A and B, and the type of each token of a pair if it has one."""

    single: tuple[str, ...]
    pair: tuple[str, ...]
    types: tuple[int, ...] = ()


@dataclass(frozen=True)
class Capability:
    """What a model provides of `NAMES`, and for each that it does not, why."""

    provides: frozenset[str]
    reasons: tuple[tuple[str, str], ...]
    layers: int = 0  # of attention, of the encoder where there are two halves
    heads: int = 0
    values: tuple[Values, ...] = ()
    conv: torch.nn.Module | None = None  # which makes the last map of features
    embeddings: tuple[torch.nn.Module, ...] = ()  # that run: the one of the text, and the one of a decoder
    takes_embeddings: bool = False  # inputs_embeds, in the stead of tokens
    layout: Layout | None = None
    first_position: int | None = None  # of a text's first token, where positions have a table
    longest: int = 0  # tokens
    size: tuple[int, int] | None = None  # height and width of what is made of a picture, if they are always the same


NAMES = ("gradients", "baseline", "layer", "table", "hidden", "attentions", "zeroing", "conv")
Reasons = dict[str, str | None]  # None: it does provide it


def text_capability(model: Any, tokenizer: Any, anatomy: Anatomy, label: str) -> Capability:
    """What a text model gives. Raises Incompatible if its tokens cannot be found in a text."""
    if not getattr(tokenizer, "is_fast", False):
        raise Incompatible(f"{label} has no fast tokenizer, so its tokens cannot be found in your text.")
    inputs = sample(model, tokenizer)
    length = inputs["input_ids"].shape[-1]

    def run(**more: Any) -> Any:
        return model(**inputs, **more)

    with untouched(model):
        plain, seen = watched([anatomy.word], run)
        embedding = seen[0].first(length)
        layers, reasons = _attention(model, run, length)
        values = values_of(model, run) if reasons["attentions"] is None else ()
        reasons |= {
            "gradients": _gradient(embedding.of(embedding.ids), _substituted(embedding, run), plain[0]),
            "baseline": None,
            "layer": None,
            "table": None,
            "hidden": _hidden(run, embedding),
            "conv": "It reads text: there is no picture to make a map of.",
        }
        return Capability(
            **_sides(reasons, values),
            layers=len(layers),
            heads=layers[0].shape[1] if layers else 0,
            values=values,
            embeddings=(anatomy.word, *([anatomy.decoder] if anatomy.decoder else [])),
            takes_embeddings=_takes_embeddings(model, inputs, embedding, plain[0]),
            layout=_layout(tokenizer),
            first_position=anatomy.first_position,
            longest=anatomy.longest,
        )


def image_capability(model: Any, processor: Any, label: str) -> Capability:
    """What an image model gives. Raises Incompatible if its processor does not make pixels of a picture."""
    pixels = _pixels(processor, (48, 64))
    if not isinstance(pixels, Tensor) or pixels.dim() != 4:
        raise Incompatible(f"The image processor of {label} does not make pixels of a picture.")
    other = _pixels(processor, (64, 48))

    def run(**more: Any) -> Any:
        return model(pixel_values=pixels, **more)

    with untouched(model):
        layers, reasons = _attention(model, run, None)
        values = values_of(model, run) if reasons["attentions"] is None else ()
        conv, plain = _last_map(model, pixels)
        reasons |= {
            "gradients": _gradient(pixels, lambda x: model(pixel_values=x)[0], plain[0]),
            "baseline": None,
            "layer": "It reads pixels, not the rows of a table of words.",
            "table": "It reads pixels, not the rows of a table of words.",
            "hidden": "It reads pixels: only the layers of models that read text are looked into.",
            "conv": None if conv else "No layer but the one that cuts the picture into patches is a convolution.",
        }
        return Capability(
            **_sides(reasons, values),
            layers=len(layers),
            heads=layers[0].shape[1] if layers else 0,
            values=values,
            conv=conv,
            size=(pixels.shape[2], pixels.shape[3]) if pixels.shape == other.shape else None,
        )


def _sides(reasons: Reasons, values: tuple[Values, ...]) -> dict[str, Any]:
    """What is provided, and why the rest is not."""
    unknown = "Its value layers could not be told from the others."
    reasons = reasons | {"zeroing": reasons["attentions"] or (None if values else unknown)}
    return {
        "provides": frozenset(name for name in NAMES if reasons[name] is None),
        "reasons": tuple((name, why) for name in NAMES if (why := reasons[name]) is not None),
    }


def _attention(model: Any, run: Run, length: int | None) -> tuple[tuple[Tensor, ...], Reasons]:
    """The attention layers, and why there are none."""
    taken = inspect.signature(model.forward).parameters.values()
    asked = any(knob.name == "output_attentions" or knob.kind is knob.VAR_KEYWORD for knob in taken)
    with torch.no_grad():
        layers = attentions(run(output_attentions=True)) if asked else ()
    why = why_none(layers, length, model.config._attn_implementation)
    return (layers if why is None else ()), {"attentions": why}


def _substituted(embedding: Embedding, run: Run) -> Callable[[Tensor], Tensor]:
    def score(x: Tensor) -> Tensor:
        with embedding.replaced(x):
            return run()[0]  # type: ignore[no-any-return]

    return score


def _gradient(x: Tensor, run: Callable[[Tensor], Tensor], plain: Tensor) -> str | None:
    """Why what the model says has no gradient at x; None if it has one, and is what it says without."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        said = run(x)
        if not said.requires_grad:
            return "What it says cannot be differentiated by what it reads."
        gradient = torch.autograd.grad(said.max(), x, materialize_grads=True)[0]
    if not bool(gradient.isfinite().all()) or not bool(gradient.any()):
        return "What it says does not change with what it reads, or changes without bound."
    if not torch.allclose(said, plain, atol=CLOSE, rtol=CLOSE):
        return "It says something else when its embeddings are put in by hand."
    return None


def _hidden(run: Run, embedding: Embedding) -> str | None:
    """Why the states that it tells are not those that it computes with; None if they are."""
    with torch.enable_grad(), embedding.replaced(embedding.of(embedding.ids).requires_grad_()):
        output = run(output_hidden_states=True)
        found = states(output)
        if not found:
            return "It does not tell the states of its layers."
        gradients = torch.autograd.grad(output[0].max(), found, allow_unused=True)
    return None if all(gradient is not None for gradient in gradients) else "It tells only copies of its states."


def _takes_embeddings(model: Any, inputs: dict[str, Tensor], embedding: Embedding, plain: Tensor) -> bool:
    """Whether embeddings may stand for the tokens, and mean the same."""
    if "inputs_embeds" not in inspect.signature(model.forward).parameters:
        return False
    others = {name: tensor for name, tensor in inputs.items() if name != "input_ids"}
    try:
        with torch.no_grad():
            said = model(**others, inputs_embeds=embedding.of(embedding.ids))[0]
    except (NotImplementedError, ValueError, TypeError, AttributeError):  # each architecture refuses in its own way
        return False
    return said.shape == plain.shape and torch.allclose(said, plain, atol=CLOSE, rtol=CLOSE)


def _layout(tokenizer: Any) -> Layout:
    single, pair = tokenizer("Why"), tokenizer("Why", "so")
    entries = _entries(pair.encodings[0])
    return Layout(
        single=tuple(token for token, _ in _entries(single.encodings[0])),
        pair=tuple(token for token, _ in entries),
        types=tuple(kind for _, kind in entries) if "token_type_ids" in pair else (),
    )


def _entries(encoding: Any) -> list[tuple[str, int]]:
    """Each special token with its type, and each text between them as one letter."""
    rows = zip(encoding.sequence_ids, encoding.tokens, encoding.type_ids, strict=True)
    entries: list[tuple[str, int]] = []
    for text, group in groupby(rows, key=lambda row: row[0]):
        tokens = [(token, kind) for _, token, kind in group]
        entries += tokens if text is None else [("AB"[text], tokens[0][1])]
    return entries


def _pixels(processor: Any, size: tuple[int, int]) -> Any:
    """What the processor makes of a picture (height, width) of noise."""
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    return processor(images=Image.fromarray(noise), return_tensors="pt").get("pixel_values")


def _last_map(model: torch.nn.Module, pixels: Tensor) -> tuple[torch.nn.Module | None, Any]:
    """The layer that makes the last map of features in a net of convolutions, and what the model says.

    The map is (1, K, h, w), made once in a pass, with little but the head behind it. A convolution that reads the
    picture itself only cuts it into patches, and makes no net.
    """
    ran: list[tuple[torch.nn.Module, bool]] = []  # and whether it makes a map
    inner = False

    def note(module: torch.nn.Module, args: tuple[Any, ...], output: Any) -> None:
        nonlocal inner
        if isinstance(output, Tensor):
            ran.append((module, output.dim() == 4 and min(output.shape[2:]) > 1))
            inner |= isinstance(module, torch.nn.Conv2d) and not args[0].equal(pixels)

    handles = [module.register_forward_hook(note) for module in model.modules()]
    try:
        with torch.no_grad():
            plain = model(pixel_values=pixels)
    finally:
        for handle in handles:
            handle.remove()
    modules = [module for module, _ in ran]
    behind = 0
    for module, makes_map in reversed(ran if inner else []):
        if makes_map and modules.count(module) == 1:
            return module, plain
        behind += getattr(module, "weight", None) is not None
        if behind > NEAR_HEAD:
            break
    return None, plain
