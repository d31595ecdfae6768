"""Discretized integrated gradients: a path from the baseline to the text whose points lie close to real words.

Letters in shapes: C tokens of a chunk, V vocabulary size, F features, D embedding width.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from ..errors import Incompatible
from ..problem import Attribution, EmbeddingTable, Problem
from ..registry import Range, method

CHUNK = 32  # tokens whose nearest words are searched together
BLOCK = 8_192  # words of the vocabulary that are compared with them at once


@method(
    "Discretized integrated gradients",
    paper="Sanyal & Ren 2021, arXiv:2108.13654",
    needs=("gradients", "baseline", "table"),
    additive=True,
)
def discretized_integrated_gradients(
    problem: Problem,
    *,
    anchors: Annotated[
        Literal["greedy", "maxcount"],
        "Next word of the path: the one that needs the smallest change to lie on it (greedy), or the one with the "
        "most dimensions on it (maxcount).",
    ] = "greedy",
    steps: Annotated[int, Range(2, 500), "Number of words on the path from the baseline to the text."] = 10,
    upscale: Annotated[int, Range(1, 50), "Number of equal parts of each step; the paper's factor f."] = 20,
    neighbours: Annotated[int, Range(1, 2_000), "Number of nearest words that the next word is chosen from."] = 100,
) -> Attribution:
    """Change the text in steps that pass close to real words, and add up what each token contributes on the way.

    Riemann sum of gradient × step along a path that is monotonic in every dimension: (T, F), in the score's unit. The
    scores sum to F(x) - F(x') up to the width of the steps, which is the distance between words: a larger `upscale`
    makes the sum more accurate.
    """
    if problem.internals.table is None:
        raise Incompatible("Discretized integrated gradients need an embedding table, which this model does not have.")
    chunks = zip(torch.split(problem.x[0], CHUNK), torch.split(problem.baseline[0], CHUNK), strict=True)
    paths = [find_path(x, end, problem.internals.table, steps, neighbours, anchors, problem) for x, end in chunks]
    points = torch.cat(paths, dim=1).flip(0)  # (steps + 1, F, D), from the baseline to the text
    path = UpscaledPath(points, upscale)
    _, products = problem.gradients(path, lambda products: products.sum(-1), along=PathSteps(path))
    return Attribution(products.sum(0))


@dataclass(frozen=True)
class UpscaledPath:
    """The start points of the equal parts of each step between `points` (steps + 1, F, D): (steps · factor, F, D)."""

    points: Tensor
    factor: int

    def __len__(self) -> int:
        return (len(self.points) - 1) * self.factor

    def __getitem__(self, rows: slice) -> Tensor:
        numbers = torch.arange(*rows.indices(len(self)))
        alphas = (numbers % self.factor / self.factor).to(self.points).reshape(-1, 1, 1)
        start, end = self.points[numbers // self.factor], self.points[numbers // self.factor + 1]
        return start + alphas * (end - start)


@dataclass(frozen=True)
class PathSteps:
    """The vectors from each point of an UpscaledPath to the next, (steps · factor, F, D)."""

    path: UpscaledPath

    def __len__(self) -> int:
        return len(self.path)

    def __getitem__(self, rows: slice) -> Tensor:
        steps = torch.arange(*rows.indices(len(self))) // self.path.factor
        return (self.path.points[steps + 1] - self.path.points[steps]) / self.path.factor


def find_path(
    x: Tensor, end: Tensor, table: EmbeddingTable, steps: int, neighbours: int, anchors: str, problem: Problem
) -> Tensor:
    """Find points (steps + 1, C, D) from tokens x (C, D) to their baselines `end`, each near a word of the table.

    Each step chooses the next anchor word among the nearest neighbours of the last one. In dimensions where the word
    is not between the last point and the end, the point moves an equal part of the remaining distance instead.
    """
    used = torch.zeros(len(x), len(table), dtype=torch.bool, device=x.device)
    for excluded in (x, end):  # the token itself, and its baseline, with which the path would end at once
        used.scatter_(1, _compute_distances(table, excluded).argmin(1, keepdim=True), True)
    points, anchor = [x], x
    for left in range(steps, 1, -1):
        distances = _compute_distances(table, anchor).masked_fill(used, torch.inf)  # (C, V)
        nearest = distances.topk(min(neighbours, len(table)), largest=False).indices  # (C, K)
        words = table[nearest]  # (C, K, D)
        last = points[-1][:, None]
        inside = (words >= torch.minimum(last, end[:, None])) & (words <= torch.maximum(last, end[:, None]))
        moved = torch.where(inside, words, last + (end[:, None] - last) / left)  # (C, K, D)
        cost = (moved - words).norm(dim=-1) if anchors == "greedy" else -inside.sum(-1).float()  # (C, K)
        best = cost.argmin(1, keepdim=True)  # (C, 1)
        used.scatter_(1, nearest.gather(1, best), True)
        index = best[..., None].expand(-1, 1, words.shape[-1])
        anchor = words.gather(1, index)[:, 0]
        points.append(moved.gather(1, index)[:, 0])
        problem.run.spend(0)
    return torch.stack([*points, end])


def _compute_distances(table: EmbeddingTable, points: Tensor) -> Tensor:
    """Compute squared distances (C, V) of all words from points (C, D), up to a constant per point."""
    blocks = (table[first : first + BLOCK] for first in range(0, len(table), BLOCK))
    return torch.cat([rows.square().sum(-1) - 2 * points @ rows.T for rows in blocks], dim=-1)
