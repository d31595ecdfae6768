"""What happens inside a text model while it reads one text: attention, states, and what is left without some values.

Knows no method and no Problem. Letters: L layers, F tokens, H width of a state. To be called under the model's lock.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from .encoding import Encoded
from .errors import BadRequest, Incompatible
from .models.loading import Bundle
from .models.probes.attention import Values, attentions, states, untouched, why_none

PARTS = ("encoder", "decoder", "cross")  # of a model with two halves: what reads, what writes, and between them


def weights(bundle: Bundle, encoded: Encoded) -> Tensor:
    """The attention weights of every layer, (L, heads, F, F). Raises Incompatible if the model tells none.

    Of a model that reads with one half and writes with the other, first the layers that read, then those that write:
    half of what a written token attends to is the source, half what was written before it.
    """
    with untouched(bundle.model), torch.no_grad():
        output = bundle.model(**encoded.batch(1), output_attentions=True)
    if two_halves(encoded):
        return _both(bundle, *(attentions(output, part) for part in ("encoder", "decoder", "cross")))
    layers = attentions(output)
    why = why_none(layers, len(encoded.features), bundle.model.config._attn_implementation)
    if why is not None:
        raise Incompatible(f"{bundle.card.label} does not tell its attention. {why}")
    return torch.cat(layers)


def two_halves(encoded: Encoded) -> bool:
    """Whether one half of the model reads the text, and the other writes."""
    return "decoder_input_ids" in encoded.inputs


def _both(bundle: Bundle, reading: tuple[Tensor, ...], own: tuple[Tensor, ...], cross: tuple[Tensor, ...]) -> Tensor:
    for layers in (reading, own):
        if (why := why_none(layers, None, bundle.model.config._attn_implementation)) is not None:
            raise Incompatible(f"{bundle.card.label} does not tell its attention. {why}")
    source, heads = reading[0].shape[-1], {layer.shape[1] for layer in (*reading, *own)}
    whole = torch.eye(source + own[0].shape[-1]).repeat(len(reading) + len(own), max(heads), 1, 1)  # (L, heads, F, F)
    for layer, weights in zip(whole, reading, strict=False):
        layer[:, :source, :source] = _alike(weights, heads)
    for layer, before, across in zip(whole[len(reading) :], own, cross, strict=True):
        layer[:, source:] = torch.cat([_alike(across, heads), _alike(before, heads)], dim=-1) / 2
    return whole


def _alike(weights: Tensor, heads: set[int]) -> Tensor:
    """A layer's attention (heads, rows, columns), averaged where the layers differ in their number of heads."""
    return weights[0].mean(0, keepdim=True) if len(heads) > 1 else weights[0]


def hidden(
    bundle: Bundle, encoded: Encoded, run: Callable[..., Any], read: Callable[[Any], Tensor], layer: int
) -> tuple[Tensor, Tensor]:
    """The states (1, F, H) after a layer and the gradients (T, F, H) of the scores (T,) that `read` reads there.

    `run` takes further arguments of the model's forward; what it gives must have a gradient.
    """
    parts = ("encoder", "decoder") if two_halves(encoded) else ("",)
    with untouched(bundle.model), torch.enable_grad():
        output = run(output_hidden_states=True)
        every = [states(output, part) for part in parts]
        count = min(map(len, every))
        if not -count <= layer < count:
            raise BadRequest(f"{bundle.card.label} has {max(count - 1, 0)} layers, so there is no layer {layer}.")
        found = [layers[layer] for layers in every]
        scores = read(output)  # (T,)
        rows = [torch.autograd.grad(score, found, retain_graph=True, allow_unused=True) for score in scores]
    if any(gradient is None for row in rows for gradient in row):
        raise Incompatible(f"{bundle.card.label} does not tell the states of its layers, only copies of them.")
    gradients = [torch.cat(row, dim=1) for row in rows]  # (1, F, H) each
    return torch.cat(found, dim=1).detach(), torch.cat(gradients)


def zeroing(bundle: Bundle, encoded: Encoded, batch: int, spend: Callable[[int], None]) -> Tensor:
    """How far each layer's states move without the values of one token, (L, F, F): row i moves when j's are zero.

    Cosine distance, from 0 to 2. `batch` tokens are tried at once; `spend` counts passes. The layers of two halves
    are in the order of `weights`.
    """
    values = {part: [one for one in bundle.capability.values if one.part == part] for part in ("", *PARTS)}
    reading, own, cross = values[""] or values["encoder"], values["decoder"], values["cross"]
    two, count = two_halves(encoded), len(encoded.features)
    if not reading or (two and not len(own) == len(cross) > 0):
        why = dict(bundle.capability.reasons).get("zeroing", "")
        raise Incompatible(f"The value vectors of {bundle.card.label} cannot be zeroed. {why}")
    source = encoded.inputs["input_ids"].shape[-1] if two else count
    whole = torch.eye(count).repeat(len(reading) + (len(own) if two else 0), 1, 1)  # (L, F, F)
    with untouched(bundle.model), torch.no_grad():
        plain = bundle.model(**encoded.batch(1), output_hidden_states=True)
        spend(1)

        def moved(zeroed: Values, part: str, layer: int, tokens: int) -> Tensor:
            before = states(plain, part)[layer]
            groups = [torch.arange(first, min(first + batch, tokens)) for first in range(0, tokens, batch)]
            return torch.cat([_moved(bundle, encoded, zeroed, part, before, layer, group, spend) for group in groups]).T

        for layer, zeroed in enumerate(reading):
            whole[layer, :source, :source] = moved(zeroed, "encoder" if two else "", layer + 1, source)
        for layer, (across, before) in enumerate(zip(cross, own, strict=True) if two else (), 1):
            row = whole[len(reading) + layer - 1, source:]
            row[:, :source] = moved(across, "decoder", layer, source)
            row[:, source:] = moved(before, "decoder", layer, count - source)
    return whole


def _moved(
    bundle: Bundle,
    encoded: Encoded,
    values: Values,
    part: str,
    plain: Tensor,
    layer: int,
    tokens: Tensor,
    spend: Callable[[int], None],
) -> Tensor:
    """How far the states (1, F, H) after a layer move, (B, F), without the values of each of `tokens` (B,)."""
    with _without(values, tokens):
        changed = states(bundle.model(**encoded.batch(len(tokens)), output_hidden_states=True), part)[layer]
    spend(len(tokens))
    return 1 - torch.cosine_similarity(changed, plain, dim=-1)


@contextmanager
def _without(values: Values, tokens: Tensor) -> Iterator[None]:
    """A context in which row b of a batch goes without the values of token `tokens[b]`."""

    def change(output: Tensor) -> Tensor:
        rows = torch.arange(output.shape[1]) == tokens[:, None]  # (B, F)
        columns = torch.zeros(output.shape[-1], dtype=torch.bool)
        columns[values.columns] = True
        return output.masked_fill(rows[..., None] & columns, 0.0)

    with values.changed(change):
        yield
