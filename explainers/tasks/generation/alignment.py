"""Alignment of the tokens of two texts: pairs given by hand, or the cheapest alignment in order."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import BadRequest

GAP = 1.0  # cost of a token without a counterpart; a pair costs 1 minus its similarity
PAIR = re.compile(r"\s*(\d+)\s*:\s*(\d+)\s*")
AUTO = "auto"


def parse_alignment(pairs: str, rows: range, height: int) -> dict[int, int]:
    """Parse pairs like "1:1, 2:3", counted from 1, into a mapping counted from 0.

    Raises BadRequest for anything else: tokens that are not explained (`rows`), or that the other text of `height`
    tokens does not have, and two pairs of one token.
    """
    alignment: dict[int, int] = {}
    for pair in pairs.split(","):
        match = PAIR.fullmatch(pair)
        own, other = (int(match[1]) - 1, int(match[2]) - 1) if match else (-1, -1)
        if own not in rows or not 0 <= other < height:
            raise BadRequest(
                f"{pair.strip()[:20]!r} is not a pair of tokens. Tokens {rows.start + 1} to {rows.stop} of the "
                f"generated text are explained, and the other text has {height}: give pairs like 1:1, 2:3, or {AUTO}."
            )
        if own in alignment:
            raise BadRequest(f"The alignment {pairs[:60]!r} pairs token {own + 1} twice. Give each token one other.")
        alignment[own] = other
    return alignment


def align(similarity: Tensor) -> dict[int, int]:
    """Compute the cheapest alignment in order (Needleman & Wunsch 1970) from similarities (N, M), at most 1."""
    height, width = similarity.shape
    change = (1 - similarity).tolist()
    costs = [[GAP * (i + j) for j in range(width + 1)] for i in range(height + 1)]
    for i in range(1, height + 1):
        for j in range(1, width + 1):
            both = costs[i - 1][j - 1] + change[i - 1][j - 1]
            costs[i][j] = min(both, costs[i - 1][j] + GAP, costs[i][j - 1] + GAP)
    pairs, i, j = {}, height, width
    while i and j:
        if costs[i][j] == costs[i - 1][j - 1] + change[i - 1][j - 1]:
            i, j = i - 1, j - 1
            pairs[i] = j
        elif costs[i][j] == costs[i - 1][j] + GAP:
            i -= 1
        else:
            j -= 1
    return dict(sorted(pairs.items()))


def compute_similarity(table: Tensor, own: Sequence[int], other: Sequence[int]) -> Tensor:
    """Compute the cosine similarities (N, M) of the embeddings of two texts' tokens; exactly 1 for equal tokens."""
    rows = [torch.nn.functional.normalize(table[torch.tensor(ids)].cpu().float(), dim=-1) for ids in (own, other)]
    equal = torch.tensor(own)[:, None] == torch.tensor(other)
    return (rows[0] @ rows[1].T).clamp(-1, 1).masked_fill(equal, 1.0)
