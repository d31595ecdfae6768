"""Which token of a text is set against which of another: by hand, or by the cheapest way from the one to the other.

Knows no model; whoever asks says how alike two tokens are.
"""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import BadRequest

GAP = 1.0  # what it costs to leave a token alone; to set two against each other costs 1 minus their likeness
PAIR = re.compile(r"\s*(\d+)\s*:\s*(\d+)\s*")
AUTO = "auto"


def parse_alignment(pairs: str, width: int, height: int) -> dict[int, int]:
    """Pairs like "1:1, 2:3", counted from 1, as a mapping counted from 0. Raises BadRequest for what they cannot be."""
    found: dict[int, int] = {}
    for pair in pairs.split(","):
        match = PAIR.fullmatch(pair)
        own, other = (int(match[1]), int(match[2])) if match else (0, 0)
        if not (1 <= own <= width and 1 <= other <= height):
            raise BadRequest(
                f"The pair {pair.strip()[:20]!r} names no two tokens. The written text has {width} and the other "
                f"{height}: give pairs like 1:1, 2:3, or {AUTO}."
            )
        found[own - 1] = other - 1
    return found


def align(likeness: Tensor) -> dict[int, int]:
    """The cheapest alignment in order (Needleman & Wunsch 1970) of tokens whose likeness is (N, M), at most 1."""
    height, width = likeness.shape
    change = (1 - likeness).tolist()
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
    """The cosines of the embeddings of two texts' tokens, (N, M); exactly 1 for equal tokens."""
    rows = [torch.nn.functional.normalize(table[torch.tensor(ids)].float(), dim=-1) for ids in (own, other)]
    equal = torch.tensor(own)[:, None] == torch.tensor(other)
    return (rows[0] @ rows[1].T).clamp(-1, 1).masked_fill(equal, 1.0)
