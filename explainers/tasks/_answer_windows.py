"""Encode a question with its context: whole, or as the best of the overlapping windows that a long context needs."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import BadRequest, LimitReached
from ..models.loading import Bundle
from ..models.probes.fences import fence_forward
from .tokenization import Encoded, encode_row, make_inputs, tokenize

OVERLAP = 128  # tokens that neighbouring windows share, as in the evaluation of SQuAD
MIN_CONTEXT = 16  # tokens of context that must fit beside the question
RankWindow = Callable[[Any, Tensor], float]
"""Rate a window, given the model's output and the positions (C,) of the context's tokens in it."""
Spend = Callable[[int], None]


def choose_window(bundle: Bundle, texts: Mapping[str, str], rank: RankWindow, spend: Spend) -> Encoded:
    """Return the window with the highest rank. Each holds the first text whole, and a part of the second.

    `spend` counts the forward passes.
    """
    context = list(texts)[1]
    rows, overlap = _split(bundle, texts)
    if not len(_find_row_context(rows, 0)):
        raise BadRequest(f"The {context} has no token that the model can read. Type a sentence.")
    if len(rows.encodings) == 1:
        return encode_row(bundle, rows, texts)
    best = max(range(len(rows.encodings)), key=lambda i: _rank_row(bundle, rows, i, rank, spend))
    return encode_row(bundle, rows, texts, best, (_describe_window(rows, best, overlap, context),))


def list_windows(bundle: Bundle, texts: Mapping[str, str]) -> list[Encoded]:
    """Return all windows, in order."""
    rows, _ = _split(bundle, texts)
    return [encode_row(bundle, rows, texts, i) for i in range(len(rows.encodings))]


def _split(bundle: Bundle, texts: Mapping[str, str]) -> tuple[Any, int]:
    """Return the tokenizer's output, one row a window, and the number of tokens that neighbours share."""
    question = next(iter(texts))
    room = _count_free_tokens(bundle, question, texts[question])
    overlap = min(OVERLAP, room // 2)
    return tokenize(bundle, texts, truncation="only_second", stride=overlap), overlap


def find_field_tokens(encoded: Encoded, field: str) -> Tensor:
    """Return the positions (C,) of a field's tokens."""
    return torch.tensor([i for i, token in enumerate(encoded.features) if token.field == field and not token.special])


def _count_free_tokens(bundle: Bundle, field: str, text: str) -> int:
    """Return the number of tokens that fit beside a text. Raises LimitReached if they are too few."""
    limit = bundle.embeddings.longest
    rows = tokenize(bundle, {field: text}, add_special_tokens=False, truncation=False)
    length = len(rows["input_ids"][0])
    room: int = limit - length - bundle.tokenizer.num_special_tokens_to_add(pair=True)
    if room < MIN_CONTEXT:
        raise LimitReached(
            f"The {field} has {length:,} tokens, and the model reads at most {limit:,} tokens in total. "
            f"Shorten the {field}."
        )
    return room


def _find_row_context(rows: Any, i: int) -> Tensor:
    """Return the positions (C,) of the second text's tokens in row i."""
    return torch.tensor([at for at, part in enumerate(rows.encodings[i].sequence_ids) if part == 1])


def _rank_row(bundle: Bundle, rows: Any, i: int, rank: RankWindow, spend: Spend) -> float:
    with fence_forward(bundle.card.label), torch.no_grad():
        output = bundle.model(**make_inputs(bundle, rows, i))
    spend(1)
    return rank(output, _find_row_context(rows, i))


def _describe_window(rows: Any, best: int, overlap: int, field: str) -> str:
    counts = [len(_find_row_context(rows, i)) for i in range(len(rows.encodings))]
    first = best * (counts[0] - overlap)
    total = (len(counts) - 1) * (counts[0] - overlap) + counts[-1]
    return (
        f"The {field} is longer than the model's limit, so the model read it in {len(counts)} overlapping windows. "
        f"This explains the window with the best answer: tokens {first + 1:,} to {first + counts[best]:,} of "
        f"{total:,}. The rest is grey."
    )
