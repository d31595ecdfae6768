"""What happens inside a text model while it reads one text: attention, states, and what is left without some values.

Knows no method and no Problem. Letters: L layers, F tokens, H width of a state. To be called under the model's lock.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from .attention import Values, attentions, states, untouched, why_none
from .encoding import Encoded
from .errors import BadRequest, Incompatible
from .loading import Bundle


def weights(bundle: Bundle, encoded: Encoded) -> Tensor:
    """The attention weights of every layer, (L, heads, F, F). Raises Incompatible if the model tells none."""
    with untouched(bundle.model), torch.no_grad():
        layers = attentions(bundle.model(**encoded.batch(1), output_attentions=True))
    why = why_none(layers, len(encoded.features), bundle.model.config._attn_implementation)
    if why is not None:
        raise Incompatible(f"{bundle.card.label} does not tell its attention. {why}")
    return torch.cat(layers)


def hidden(bundle: Bundle, run: Callable[..., Any], read: Callable[[Any], Tensor], layer: int) -> tuple[Tensor, Tensor]:
    """The states (1, F, H) after a layer and the gradients (T, F, H) of the scores (T,) that `read` reads there.

    `run` takes further arguments of the model's forward; what it gives must have a gradient.
    """
    with untouched(bundle.model), torch.enable_grad():
        output = run(output_hidden_states=True)
        found = states(output)
        if not -len(found) <= layer < len(found):
            raise BadRequest(f"{bundle.card.label} has {max(len(found) - 1, 0)} layers, so there is no layer {layer}.")
        scores = read(output)  # (T,)
        rows = [torch.autograd.grad(score, found[layer], retain_graph=True, allow_unused=True)[0] for score in scores]
    if any(row is None for row in rows):
        raise Incompatible(f"{bundle.card.label} does not tell the states of its layers, only copies of them.")
    return found[layer].detach(), torch.cat(rows)


def zeroing(bundle: Bundle, encoded: Encoded, batch: int, spend: Callable[[int], None]) -> Tensor:
    """How far each layer's states move without the values of one token, (L, F, F): row i moves when j's are zero.

    Cosine distance, from 0 to 2. `batch` tokens are tried at once; `spend` counts passes.
    """
    own = [values for values in bundle.capability.values if values.part in ("", "encoder")]
    if not own:
        why = dict(bundle.capability.reasons).get("zeroing", "")
        raise Incompatible(f"The value vectors of {bundle.card.label} cannot be zeroed. {why}")
    count = len(encoded.features)
    groups = [torch.arange(first, min(first + batch, count)) for first in range(0, count, batch)]
    with untouched(bundle.model), torch.no_grad():
        plain = states(bundle.model(**encoded.batch(1), output_hidden_states=True))
        spend(1)
        layers = [
            torch.cat([_moved(bundle, encoded, values, plain[layer], layer, tokens, spend) for tokens in groups])
            for layer, values in enumerate(own, 1)
        ]
    return torch.stack(layers).transpose(1, 2)


def _moved(
    bundle: Bundle,
    encoded: Encoded,
    values: Values,
    plain: Tensor,
    layer: int,
    tokens: Tensor,
    spend: Callable[[int], None],
) -> Tensor:
    """How far the states (1, F, H) after a layer move, (B, F), without the values of each of `tokens` (B,)."""
    with _without(values, tokens):
        changed = states(bundle.model(**encoded.batch(len(tokens)), output_hidden_states=True))[layer]
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
