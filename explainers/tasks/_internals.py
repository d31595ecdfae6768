"""Read attention weights and hidden states of a text model for one text, and measure the effect of zeroed values.

L layers, F tokens, H width of a hidden state. Call under the model's lock.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ..errors import BadRequest, Incompatible
from ..models.loading import Bundle
from ..models.probes.attention import ValueProjection, explain_missing, read_attentions, read_states, restore_hooks
from ..models.probes.embeddings import widen
from ..models.probes.fences import fence_forward
from .tokenization import Encoded

PARTS = ("encoder", "decoder", "cross")  # of an encoder-decoder model's attention


def read_weights(bundle: Bundle, encoded: Encoded) -> Tensor:
    """Return the attention weights of every layer, (L, heads, F, F). Raises Incompatible if the model returns none.

    For an encoder-decoder model: first the encoder's layers, then the decoder's, where cross-attention to the source
    and self-attention to the generated tokens each count half.
    """
    with fence_forward(bundle.card.label), restore_hooks(bundle.model), torch.no_grad():
        output = bundle.model(**encoded.batch(1), output_attentions=True)
    if is_encoder_decoder(encoded):
        return _join_weights(bundle, *(_read_on_cpu(output, part) for part in PARTS))
    layers = _read_on_cpu(output)
    why = explain_missing(layers, len(encoded.features), bundle.model.config._attn_implementation)
    if why is not None:
        raise Incompatible(f"{bundle.card.label} does not provide attention weights. {why}")
    return widen(torch.cat(layers))


def _read_on_cpu(output: Any, part: str = "") -> tuple[Tensor, ...]:
    return tuple(layer.cpu() for layer in read_attentions(output, part))


def is_encoder_decoder(encoded: Encoded) -> bool:
    """Return whether an encoder reads the source and a decoder the generated tokens."""
    return "decoder_input_ids" in encoded.inputs


def _join_weights(
    bundle: Bundle, encoder: tuple[Tensor, ...], decoder: tuple[Tensor, ...], cross: tuple[Tensor, ...]
) -> Tensor:
    """Join the attention weights of encoder, decoder and cross-attention, (L, heads, F, F)."""
    for layers in (encoder, decoder):
        if (why := explain_missing(layers, None, bundle.model.config._attn_implementation)) is not None:
            raise Incompatible(f"{bundle.card.label} does not provide attention weights. {why}")
    source, heads = encoder[0].shape[-1], {layer.shape[1] for layer in (*encoder, *decoder)}
    eye = widen(torch.eye(source + decoder[0].shape[-1]).to(decoder[0]))
    whole = eye.repeat(len(encoder) + len(decoder), max(heads), 1, 1)  # (L, heads, F, F)
    for layer, weights in zip(whole, encoder, strict=False):
        layer[:, :source, :source] = _average_heads(weights, heads)
    for layer, before, across in zip(whole[len(encoder) :], decoder, cross, strict=True):
        layer[:, source:] = torch.cat([_average_heads(across, heads), _average_heads(before, heads)], dim=-1) / 2
    return whole


def _average_heads(weights: Tensor, heads: set[int]) -> Tensor:
    """Return a layer's weights (heads, rows, columns), averaged over heads if layers differ in their number."""
    return weights[0].mean(0, keepdim=True) if len(heads) > 1 else weights[0]


def compute_hidden(
    bundle: Bundle, encoded: Encoded, run: Callable[..., Any], read: Callable[[Any], Tensor], layer: int
) -> tuple[Tensor, Tensor]:
    """Return the hidden states (1, F, H) after a layer, and the gradients (T, F, H) there of the scores (T,) of `read`.

    `run` runs the model with further arguments of its forward; its output must be differentiable. T may be 0.
    """
    parts = ("encoder", "decoder") if is_encoder_decoder(encoded) else ("",)
    with restore_hooks(bundle.model), torch.enable_grad():
        with fence_forward(bundle.card.label):
            output = run(output_hidden_states=True)
        states = [read_states(output, part) for part in parts]
        count = min(map(len, states))
        if not -count <= layer < count:
            raise BadRequest(f"{bundle.card.label} has {max(count - 1, 0)} layers, so there is no layer {layer}.")
        hidden = [layers[layer] for layers in states]
        scores = read(output)  # (T,)
        rows = [torch.autograd.grad(score, hidden, retain_graph=True, allow_unused=True) for score in scores]
    if any(gradient is None for row in rows for gradient in row):
        raise Incompatible(f"{bundle.card.label} returns only copies of its hidden states.")
    joined = widen(torch.cat(hidden, dim=1)).detach().cpu()
    gradients = [widen(torch.cat(row, dim=1)).cpu() for row in rows]  # (1, F, H) each
    return joined, torch.cat([joined[:0], *gradients])


def compute_zeroing(bundle: Bundle, encoded: Encoded, batch: int, spend: Callable[[int], None]) -> Tensor:
    """Return the cosine distance (0 to 2) of each layer's state i when the values of token j are zero, (L, F, F).

    `batch` tokens are zeroed in one pass, one per row; `spend` counts the passes. Layers are in the order of
    `read_weights`.
    """
    values = {part: [layer for layer in bundle.capability.values if layer.part == part] for part in ("", *PARTS)}
    encoder, decoder, cross = values[""] or values["encoder"], values["decoder"], values["cross"]
    two, count = is_encoder_decoder(encoded), len(encoded.features)
    if not encoder or (two and not len(decoder) == len(cross) > 0):
        why = dict(bundle.capability.reasons).get("zeroing", "")
        raise Incompatible(f"The value vectors of {bundle.card.label} cannot be zeroed. {why}")
    source = encoded.inputs["input_ids"].shape[-1] if two else count
    with restore_hooks(bundle.model), torch.no_grad():
        with fence_forward(bundle.card.label):
            plain = bundle.model(**encoded.batch(1), output_hidden_states=True)
        spend(1)
        eye = widen(torch.eye(count).to(read_states(plain, "encoder" if two else "")[0].dtype))
        whole = eye.repeat(len(encoder) + (len(decoder) if two else 0), 1, 1)  # (L, F, F)

        def measure(zeroed: ValueProjection, part: str, layer: int, tokens: int) -> Tensor:
            before = read_states(plain, part)[layer]
            groups = [torch.arange(first, min(first + batch, tokens)) for first in range(0, tokens, batch)]
            return torch.cat(
                [_measure_distance(bundle, encoded, zeroed, part, before, layer, group, spend) for group in groups]
            ).T

        for layer, zeroed in enumerate(encoder):
            whole[layer, :source, :source] = measure(zeroed, "encoder" if two else "", layer + 1, source)
        for layer, (across, before) in enumerate(zip(cross, decoder, strict=True) if two else (), 1):
            row = whole[len(encoder) + layer - 1, source:]
            row[:, :source] = measure(across, "decoder", layer, source)
            row[:, source:] = measure(before, "decoder", layer, count - source)
    return whole


def _measure_distance(
    bundle: Bundle,
    encoded: Encoded,
    values: ValueProjection,
    part: str,
    plain: Tensor,
    layer: int,
    tokens: Tensor,
    spend: Callable[[int], None],
) -> Tensor:
    """Return the cosine distance (B, F) to `plain` (1, F, H) of a layer with the values of `tokens` (B,) zero."""
    with _zero_values(values, tokens):
        changed = read_states(bundle.model(**encoded.batch(len(tokens)), output_hidden_states=True), part)[layer]
    spend(len(tokens))
    return 1 - torch.cosine_similarity(widen(changed), widen(plain), dim=-1).cpu()


@contextmanager
def _zero_values(values: ValueProjection, tokens: Tensor) -> Iterator[None]:
    """Set the values of token `tokens[b]` to zero in row b of the batch."""

    def change(output: Tensor) -> Tensor:
        rows = torch.arange(output.shape[1]) == tokens[:, None]  # (B, F)
        columns = torch.zeros(output.shape[-1], dtype=torch.bool)
        columns[values.columns] = True
        return output.masked_fill((rows[..., None] & columns).to(output.device), 0.0)

    with values.replace_output(change):
        yield
