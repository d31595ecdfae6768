"""Examples as padded batches of similar length."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

Example = dict[str, Any]
"""The tensors' names of one example with lists of numbers: input_ids, attention_mask, labels …"""

WINDOW = 40
"""How many batches are sorted by length together."""


def count_tokens(example: Example) -> int:
    """Return the size of an example's first tensor: for texts, their tokens."""
    return len(next(iter(example.values())))


def collate(examples: Sequence[Example]) -> dict[str, Tensor]:
    """Make one batch: lists are padded with 0, labels with -100, which the losses of transformers skip."""
    batch = {}
    for name in examples[0]:
        columns = [torch.as_tensor(example[name]) for example in examples]
        fill = -100 if name == "labels" else 0
        batch[name] = pad_sequence(columns, True, fill) if columns[0].ndim else torch.stack(columns)
    return batch


def iterate_shuffled(examples: Sequence[Example], size: int, random: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Yield random batches of `size`, each of similar lengths: sorted inside windows, then shuffled again."""
    order = torch.randperm(len(examples), generator=random).tolist()
    chunks: list[list[int]] = []
    for start in range(0, len(order), size * WINDOW):
        window = sorted(order[start : start + size * WINDOW], key=lambda i: count_tokens(examples[i]))
        chunks += [window[i : i + size] for i in range(0, len(window), size)]
    for i in torch.randperm(len(chunks), generator=random).tolist():
        yield collate([examples[j] for j in chunks[i]])


def iterate_by_length(examples: Sequence[Example], size: int) -> Iterator[list[int]]:
    """Yield the examples' numbers in batches of `size`, shortest first, for measuring."""
    order = sorted(range(len(examples)), key=lambda i: count_tokens(examples[i]))
    return (order[i : i + size] for i in range(0, len(order), size))
