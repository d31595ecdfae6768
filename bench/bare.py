"""Integrated gradients without Wherefore: Captum's as in its tutorials, and the same passes in a plain torch loop.

Both are written for BERT and tokenize the text again, so that they share only the model with Wherefore.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from captum.attr import LayerIntegratedGradients
from numpy.typing import NDArray
from torch import Tensor

Scores = NDArray[np.float64]
Batches = list[tuple[int, bool]]  # of each call of the model: how many inputs, and whether for gradients


@dataclass(frozen=True)
class PlainInput:
    """A text for a BERT classifier: its ids (1, F), those of its baseline, and what else the model is given."""

    model: Any
    ids: Tensor
    baseline_ids: Tensor
    others: dict[str, Tensor]
    target: int

    @classmethod
    def of(cls, model: Any, tokenizer: Any, text: str, target: int) -> "PlainInput":
        """Encode a text with a padding baseline that keeps special tokens."""
        inputs = tokenizer(text, return_tensors="pt", truncation=True, return_special_tokens_mask=True)
        ids, special = inputs.pop("input_ids"), inputs.pop("special_tokens_mask").bool()
        padding = torch.full_like(ids, tokenizer.pad_token_id)
        return cls(model, ids, torch.where(special, ids, padding), dict(inputs), target)

    def probability(self, **inputs: Tensor) -> Tensor:
        """Return the target's probability, (B,)."""
        rows = len(next(iter(inputs.values())))
        others = {name: tensor.expand(rows, -1) for name, tensor in self.others.items()}
        return self.model(**inputs, **others).logits.softmax(-1)[:, self.target]


def run_captum(plain: PlainInput, steps: int, batch: int) -> Scores:
    """Compute Captum's layer integrated gradients by its default rule: the score of each token, (F,)."""
    embeddings = plain.model.get_input_embeddings()
    attribution = LayerIntegratedGradients(lambda ids: plain.probability(input_ids=ids), embeddings)
    scores = attribution.attribute(plain.ids, plain.baseline_ids, n_steps=steps, internal_batch_size=batch)
    return scores.sum(-1)[0].double().numpy()


def run_loop(plain: PlainInput, batches: Batches) -> Tensor:
    """Repeat the same calls of the model in a plain loop: the summed gradient × difference of each token, (F,)."""
    embeddings = plain.model.get_input_embeddings()
    with torch.no_grad():
        end, start = embeddings(plain.ids), embeddings(plain.baseline_ids)  # (1, F, D)
    total = torch.zeros(end.shape[1])
    for rows, gradients in batches:
        x = start + torch.linspace(0, 1, rows)[:, None, None] * (end - start)  # (B, F, D)
        with torch.set_grad_enabled(gradients):
            value = plain.probability(inputs_embeds=x.requires_grad_(gradients))
        if gradients:
            total += (torch.autograd.grad(value.sum(), x)[0] * (end - start)).sum((0, 2))
    return total


@contextmanager
def record_batches(model: Any) -> Iterator[Batches]:
    """Record every call of the model."""
    seen: Batches = []

    def note(_: Any, args: tuple[Any, ...], output: Any) -> None:
        seen.append((len(output.logits), torch.is_grad_enabled()))

    handle = model.register_forward_hook(note)
    try:
        yield seen
    finally:
        handle.remove()
