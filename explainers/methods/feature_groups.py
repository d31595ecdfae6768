"""What is taken away at once: words, tokens or sentences of a text, squares of an image, as groups of features."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..problem import Points, Problem
from ..results.granularity import list_word_keys

KEPT = -1  # the group of features that are never taken away
Level = Literal["word", "token", "sentence"]


@dataclass(frozen=True)
class GroupMasks:
    """Masks (N, F) of features from masks (N, P) of pieces, whose numbers `groups` (F,) gives."""

    groups: Tensor
    kept: Points

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, rows: slice) -> Tensor:
        kept = self.kept[rows]  # (B, P)
        always = torch.ones(len(kept), 1, dtype=torch.bool)  # what KEPT, the last, stands for
        return torch.cat([kept, always], dim=1)[:, self.groups]  # (B, F)


def group_features(problem: Problem, level: Level = "word", patch: int = 28) -> Tensor:
    """The number of the piece that each feature belongs to, (F,): of a text by `level`, of an image by `patch`."""
    return group_squares(problem, patch) if problem.layout.grid else group_tokens(problem, level)


def group_squares(problem: Problem, side: int) -> Tensor:
    """The square that each value of an image lies in, by rows; the last of a row or column may be cut."""
    rows, columns = problem.layout.grid or (1, 1)
    down, across = (torch.arange(length) // side for length in (rows, columns))
    numbers = down[:, None] * (int(across[-1]) + 1) + across  # (rows, columns)
    return numbers.flatten().repeat(len(problem.features) // (rows * columns))


def group_tokens(problem: Problem, level: Level = "word") -> Tensor:
    """The word, token or sentence that each feature of a text belongs to, in their order; special tokens are KEPT."""
    keys = list_word_keys(problem.features, level)
    known: dict[Hashable, int] = {}
    return torch.tensor(
        [
            KEPT if feature.special else known.setdefault(key, len(known))
            for feature, key in zip(problem.features, keys, strict=True)
        ]
    )


def spread_over_features(groups: Tensor, values: Tensor, visible: Tensor | None = None) -> Tensor:
    """Values of pieces (T, P) as scores (T, F): the features of a piece share its value equally, KEPT ones have 0.

    With `visible` (T, F) only those share in it that the target can depend on.
    """
    counted = torch.ones(len(values), len(groups), dtype=torch.bool) if visible is None else visible
    places = groups.where(groups != KEPT, values.shape[1])  # (F,), the last for KEPT
    padded = torch.cat([values, torch.zeros_like(values[:, :1])], dim=1)  # (T, P + 1)
    sizes = torch.zeros_like(padded).index_add(1, places, counted.to(padded))  # (T, P + 1)
    return (padded / sizes.clamp(min=1))[:, places]
