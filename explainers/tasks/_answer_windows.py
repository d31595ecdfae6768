"""A question with its context as a model reads it: whole, or in the overlapping windows that a long context needs.

Knows no method, and not what makes one window better than another.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import BadRequest, LimitReached
from ..models.loading import Bundle
from .tokenization import Encoded, encode_row, make_inputs, tokenize

OVERLAP = 128  # tokens that two neighbouring windows share, as in the evaluation of SQuAD
MIN_CONTEXT = 16  # tokens of context that must fit beside the question
RankWindow = Callable[[Any, Tensor], float]
"""From a model's output and the positions of the context's tokens in it (C,), how good that window is."""
Spend = Callable[[int], None]


def choose_window(bundle: Bundle, texts: Mapping[str, str], rank: RankWindow, spend: Spend) -> Encoded:
    """The best window of two texts: the first stands whole in each, the second is cut; `spend` counts passes."""
    question, context = texts
    room = _count_free_tokens(bundle, question, texts[question])
    overlap = min(OVERLAP, room // 2)
    rows = tokenize(bundle, texts, truncation="only_second", stride=overlap)
    if not len(_find_row_context(rows, 0)):
        raise BadRequest(f"The model reads no token in the {context}. Type a sentence.")
    if len(rows.encodings) == 1:
        return encode_row(bundle, rows, texts)
    best = max(range(len(rows.encodings)), key=lambda i: _rank_row(bundle, rows, i, rank, spend))
    return encode_row(bundle, rows, texts, best, (_describe_window(rows, best, overlap, context),))


def find_field_tokens(found: Encoded, field: str) -> Tensor:
    """The positions (C,) of a field's tokens."""
    return torch.tensor([i for i, token in enumerate(found.features) if token.field == field and not token.special])


def _count_free_tokens(bundle: Bundle, field: str, text: str) -> int:
    """How many tokens are left beside a text. Raises LimitReached if they are too few."""
    limit = bundle.embeddings.longest
    rows = tokenize(bundle, {field: text}, add_special_tokens=False, truncation=False)
    length = len(rows["input_ids"][0])
    room: int = limit - length - bundle.tokenizer.num_special_tokens_to_add(pair=True)
    if room < MIN_CONTEXT:
        raise LimitReached(
            f"The {field} has {length:,} tokens, and the model reads {limit:,} at most, everything included. "
            f"Shorten the {field}."
        )
    return room


def _find_row_context(rows: Any, i: int) -> Tensor:
    return torch.tensor([at for at, part in enumerate(rows.encodings[i].sequence_ids) if part == 1])


def _rank_row(bundle: Bundle, rows: Any, i: int, rank: RankWindow, spend: Spend) -> float:
    with torch.no_grad():
        output = bundle.model(**make_inputs(bundle, rows, i))
    spend(1)
    return rank(output, _find_row_context(rows, i))


def _describe_window(rows: Any, best: int, overlap: int, field: str) -> str:
    counts = [len(_find_row_context(rows, i)) for i in range(len(rows.encodings))]
    first = best * (counts[0] - overlap)
    total = (len(counts) - 1) * (counts[0] - overlap) + counts[-1]
    return (
        f"The {field} is too long to be read at once, so the model read it in {len(counts)} overlapping windows. "
        f"The best answer is in the one explained here: it read tokens {first + 1:,} to {first + counts[best]:,} of "
        f"{total:,}; the rest is grey."
    )
