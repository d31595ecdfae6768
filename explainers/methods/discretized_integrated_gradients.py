"""Discretized integrated gradients: the way from the baseline passes close by real words, always towards the text.

Knows no task and no model: a Problem gives gradients and the table of all words.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from ..errors import Incompatible
from ..problem import Attribution, EmbeddingTable, Problem
from ..registry import Range, method

CHUNK = 32  # tokens whose neighbours are looked for at once
BLOCK = 8_192  # words that are compared with them at once


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
        "Pass by the word that needs least change to lie on the way, or by that with most dimensions on it.",
    ] = "greedy",
    steps: Annotated[int, Range(2, 500), "Words that are passed on the way from the baseline to the text."] = 10,
    upscale: Annotated[int, Range(1, 50), "Into how many equal parts each step is cut; the paper's factor f."] = 20,
    neighbours: Annotated[int, Range(1, 2_000), "Among how many of the nearest words the next is chosen."] = 100,
) -> Attribution:
    """The gradient added up along a way whose points are next to real words, monotonic in every dimension.

    (T, F), in the score's unit. They sum to F(x) - F(x') but for the width of the steps, which go as far as words lie
    apart: the more parts they are cut into, the better.
    """
    if problem.internals.table is None:
        raise Incompatible("Discretized integrated gradients need a table of words, which this model does not have.")
    chunks = zip(torch.split(problem.x[0], CHUNK), torch.split(problem.baseline[0], CHUNK), strict=True)
    ways = [find_path(x, end, problem.internals.table, steps, neighbours, anchors, problem) for x, end in chunks]
    points = torch.cat(ways, dim=1).flip(0)  # (steps + 1, F, D), from the baseline to the text
    parts = UpscaledPath(points, upscale)
    _, products = problem.gradients(parts, lambda products: products.sum(-1), along=PathSteps(parts))
    return Attribution(products.sum(0))


@dataclass(frozen=True)
class UpscaledPath:
    """The starts of the equal parts of each step between points (steps + 1, F, D): (steps · factor, F, D)."""

    points: Tensor
    factor: int

    def __len__(self) -> int:
        return (len(self.points) - 1) * self.factor

    def __getitem__(self, rows: slice) -> Tensor:
        numbers = torch.arange(*rows.indices(len(self)))
        done = (numbers % self.factor / self.factor).to(self.points).reshape(-1, 1, 1)
        start, end = self.points[numbers // self.factor], self.points[numbers // self.factor + 1]
        return start + done * (end - start)


@dataclass(frozen=True)
class PathSteps:
    """How far each of those parts goes, (steps · factor, F, D)."""

    parts: UpscaledPath

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, rows: slice) -> Tensor:
        steps = torch.arange(*rows.indices(len(self))) // self.parts.factor
        return (self.parts.points[steps + 1] - self.parts.points[steps]) / self.parts.factor


def find_path(
    x: Tensor, end: Tensor, table: EmbeddingTable, steps: int, neighbours: int, anchors: str, problem: Problem
) -> Tensor:
    """Points (steps + 1, C, D) from tokens x (C, D) to their baselines `end`, each near a word of the table (V, D).

    At each step the next word is sought among those nearest to the last one, and moved onto the way where it is not
    between the point reached and the end; there it goes on by an equal part of what is left.
    """
    used = torch.zeros(len(x), len(table), dtype=torch.bool, device=x.device)
    for own in (x, end):  # the token itself, and its baseline, by which the way would be over at once
        used.scatter_(1, _compute_distances(table, own).argmin(1, keepdim=True), True)
    points, anchor = [x], x
    for left in range(steps, 1, -1):
        near = _compute_distances(table, anchor).masked_fill(used, torch.inf)  # (C, V)
        found = near.topk(min(neighbours, len(table)), largest=False).indices  # (C, K)
        words = table[found]  # (C, K, D)
        last = points[-1][:, None]
        inside = (words >= torch.minimum(last, end[:, None])) & (words <= torch.maximum(last, end[:, None]))
        moved = torch.where(inside, words, last + (end[:, None] - last) / left)  # (C, K, D)
        cost = (moved - words).norm(dim=-1) if anchors == "greedy" else -inside.sum(-1).float()  # (C, K)
        best = cost.argmin(1, keepdim=True)  # (C, 1)
        used.scatter_(1, found.gather(1, best), True)
        pick = best[..., None].expand(-1, 1, words.shape[-1])
        anchor = words.gather(1, pick)[:, 0]
        points.append(moved.gather(1, pick)[:, 0])
        problem.run.spend(0)
    return torch.stack([*points, end])


def _compute_distances(table: EmbeddingTable, points: Tensor) -> Tensor:
    """How far each word is from each point (C, D), but for what is the same for all words, (C, V)."""
    blocks = (table[first : first + BLOCK] for first in range(0, len(table), BLOCK))
    return torch.cat([rows.square().sum(-1) - 2 * points @ rows.T for rows in blocks], dim=-1)
