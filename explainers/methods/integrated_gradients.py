"""Integrated gradients whose steps go where the score moves, until the scores add up and are shared out rightly.

Knows no task and no model: a Problem gives gradients along the path from its baseline.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from ..data import LITTLE, change
from ..method import Range, method
from ..problem import Attribution, Path, Problem

# Boole's closed rule: exact up to degree 5, its ends are shared with the neighbours, and halving an interval keeps
# all five nodes, so it costs four new ones.
NODES = (0.0, 0.25, 0.5, 0.75, 1.0)
WEIGHTS = torch.tensor([7.0, 32.0, 12.0, 32.0, 7.0], dtype=torch.float64) / 90
SIMPSON = torch.tensor([1.0, 0.0, 4.0, 0.0, 1.0], dtype=torch.float64) / 6  # exact up to degree 3, on the same nodes
DOUBT = 0.1  # how much of what Simpson's rule gives differently is held for an error of Boole's: measured, not derived
FIRST = ((0.0, 0.5), (0.5, 1.0))
NEW = 4  # passes that halving an interval costs
SHARE = 0.8  # of the whole error, held by the intervals that are halved in one round


@method(
    "Integrated gradients",
    paper="Sundararajan et al. 2017, arXiv:1703.01365",
    needs=("gradients", "baseline"),
    additive=True,
)
def integrated_gradients(
    problem: Problem,
    *,
    tolerance: Annotated[float, Range(0.0001, 0.2), "The share of the change that may stay unexplained."] = 0.005,
    most_passes: Annotated[int, Range(20, 5_000), "Give up after so many passes, and say so."] = 300,
) -> Attribution:
    """The gradient added up along the line from the baseline to the text, refined until the sum is right.

    (T, F), in the score's unit. On every interval of the line the scores must sum to the rise of F, and a second rule
    on the same points must share it out alike: the differences are that interval's own two errors. The intervals that
    hold most of them are halved until the sums over all intervals are under `tolerance`, one of |F(x) - F(x')|, the
    other of the sum of |scores|, for every target.
    """
    line = Line(problem)
    pieces = line.pieces(FIRST)
    change = line.change()  # (T,)
    while (most := (most_passes - len(line)) // NEW) > 0 and not _enough(pieces, change, tolerance).all():
        worst = _worst(pieces, change, most)
        halves = [half for i in worst for half in pieces[i].halves]
        pieces = [piece for i, piece in enumerate(pieces) if i not in worst] + line.pieces(halves)
    return Attribution(_scores(pieces).float(), tuple(_enough(pieces, change, tolerance).tolist()))


@dataclass(frozen=True, eq=False)
class Piece:
    """An interval of the line with its share of the scores (T, F), and their two errors.

    `gap` (T,) is how far their sum is from the rise of F, `doubt` (T,) how uncertain it is which feature gets what.
    """

    start: float
    end: float
    scores: Tensor
    gap: Tensor
    doubt: Tensor

    @property
    def halves(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The two intervals that it is made of."""
        middle = (self.start + self.end) / 2
        return (self.start, middle), (middle, self.end)


class Line:
    """The line from baseline to text with what is known of its points: F (T,), and its rise by feature, (T, F)."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._known: dict[float, tuple[Tensor, Tensor]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def pieces(self, intervals: "list[tuple[float, float]] | tuple[tuple[float, float], ...]") -> list[Piece]:
        """The intervals' Pieces; whatever is not known yet is evaluated in one go."""
        places = [[start + node * (end - start) for node in NODES] for start, end in intervals]
        self._visit([alpha for row in places for alpha in row])
        return [self._piece(row) for row in places]

    def change(self) -> Tensor:
        """What errors are a share of, (T,), as `data.change` says; small changes are made known."""
        last, first = (self._known[alpha][0] for alpha in (1.0, 0.0))
        if ((last - first).abs() <= LITTLE * torch.maximum(last.abs(), first.abs())).any():
            self._problem.run.notices.append(
                "The number hardly differs between the text and its baseline, so errors are measured by its size."
            )
        return torch.from_numpy(change(last.numpy(), first.numpy()))

    def _visit(self, alphas: list[float]) -> None:
        new = [alpha for alpha in dict.fromkeys(alphas) if alpha not in self._known]
        direction = self._problem.x - self._problem.baseline  # (1, F, D)
        path = Path(self._problem.baseline, self._problem.x, torch.tensor(new))
        values, rises = self._problem.gradients(path, lambda gradient: (gradient * direction).sum(-1))
        for alpha, value, rise in zip(new, values.cpu().double(), rises.cpu(), strict=True):
            self._known[alpha] = value, rise

    def _piece(self, alphas: list[float]) -> Piece:
        values, rises = zip(*(self._known[alpha] for alpha in alphas), strict=True)
        start, end = alphas[0], alphas[-1]
        rules = (end - start) * torch.stack([WEIGHTS, SIMPSON])  # (2, N)
        scores, other = torch.einsum("rn,ntf->rtf", rules, torch.stack(rises).double())
        gap = (scores.sum(-1) - (values[-1] - values[0])).abs()
        return Piece(start, end, scores.float(), gap, DOUBT * (scores - other).abs().sum(-1))


def _scores(pieces: list[Piece]) -> Tensor:
    """The scores of the whole line, (T, F)."""
    return torch.as_tensor(sum(piece.scores.double() for piece in pieces))


def _errors(pieces: list[Piece], change: Tensor) -> Tensor:
    """Both errors of each interval as shares of what they are errors of, (N, 2, T)."""
    size = torch.maximum(_scores(pieces).abs().sum(-1), change)
    return torch.stack([torch.stack([piece.gap / change, piece.doubt / size]) for piece in pieces])


def _enough(pieces: list[Piece], change: Tensor, tolerance: float) -> Tensor:
    """For which targets neither sum of all intervals' errors, never less than the whole's, is over the limit, (T,)."""
    return (_errors(pieces, change).sum(0) <= tolerance).all(0)


def _worst(pieces: list[Piece], change: Tensor, most: int) -> set[int]:
    """The fewest intervals that hold SHARE of the error, by the target that each is worst for; at most `most`."""
    errors = _errors(pieces, change).amax((1, 2))  # (N,)
    ordered = errors.sort(descending=True)
    enough = int((ordered.values.cumsum(0) < SHARE * errors.sum()).sum()) + 1
    return set(ordered.indices[: min(enough, most)].tolist())
