"""Feature groups, which are perturbed together: words, tokens or sentences of a text, squares of an image.

They correspond to the `feature_mask` of Captum. Letters in shapes: P feature groups, F features, T targets.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..problem import Points, Problem
from ..results.granularity import list_word_keys

KEPT = -1  # group number of features that are never perturbed
Level = Literal["word", "token", "sentence"]


@dataclass(frozen=True)
class GroupMasks:
    """Masks (N, F) of features from masks `kept` (N, P) of feature groups; `groups` (F,) numbers them."""

    groups: Tensor
    kept: Points

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, rows: slice) -> Tensor:
        kept = self.kept[rows]  # (B, P)
        always = torch.ones(len(kept), 1, dtype=torch.bool)  # index -1, which KEPT selects
        return torch.cat([kept, always], dim=1)[:, self.groups]  # (B, F)


def group_features(problem: Problem, level: Level = "word", patch: int = 28) -> Tensor:
    """Return the group number of each feature, (F,): by `level` in a text, by squares of `patch` pixels in an image."""
    return group_squares(problem, patch) if problem.layout.grid else group_tokens(problem, level)


def group_squares(problem: Problem, side: int) -> Tensor:
    """Return the square of each pixel value, (F,), numbered row by row; squares at the far edges may be smaller."""
    rows, columns = problem.layout.grid or (1, 1)
    row_of, column_of = (torch.arange(length) // side for length in (rows, columns))
    numbers = row_of[:, None] * (int(column_of[-1]) + 1) + column_of  # (rows, columns)
    return numbers.flatten().repeat(len(problem.features) // (rows * columns))


def group_tokens(problem: Problem, level: Level = "word") -> Tensor:
    """Return the word, token or sentence of each feature of a text, (F,), in reading order; KEPT for special tokens."""
    keys = list_word_keys(problem.features, level)
    numbers: dict[Hashable, int] = {}
    return torch.tensor(
        [
            KEPT if feature.special else numbers.setdefault(key, len(numbers))
            for feature, key in zip(problem.features, keys, strict=True)
        ]
    )


def spread_over_features(groups: Tensor, values: Tensor, visible: Tensor | None = None) -> Tensor:
    """Return scores (T, F) from values of groups (T, P): features of a group share its value equally, KEPT ones get 0.

    With `visible` (T, F), only the features that a target can depend on get a share.
    """
    counted = torch.ones(len(values), len(groups), dtype=torch.bool) if visible is None else visible
    columns = groups.where(groups != KEPT, values.shape[1])  # (F,), the last column for KEPT
    padded = torch.cat([values, torch.zeros_like(values[:, :1])], dim=1)  # (T, P + 1)
    sizes = torch.zeros_like(padded).index_add(1, columns, counted.to(padded))  # (T, P + 1)
    return (padded / sizes.clamp(min=1))[:, columns]
