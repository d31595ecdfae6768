"""Integrated gradients whose steps go where the score moves, until the scores add up and are shared out rightly.

Knows no task and no model: a Problem gives gradients along the path from its baseline.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from ..problem import Attribution, Path, Problem
from ..registry import Range, method
from ..results.explanation import NEGLIGIBLE_CHANGE, measure_change

# Boole's closed rule: exact up to degree 5, its ends are shared with the neighbours, and halving an interval keeps
# all five nodes, so it costs four new ones.
NODES = (0.0, 0.25, 0.5, 0.75, 1.0)
WEIGHTS = torch.tensor([7.0, 32.0, 12.0, 32.0, 7.0], dtype=torch.float64) / 90
SIMPSON = torch.tensor([1.0, 0.0, 4.0, 0.0, 1.0], dtype=torch.float64) / 6  # exact up to degree 3, on the same nodes
DOUBT = 0.15  # how much of what Simpson's rule gives differently is held for an error of Boole's: measured, not derived
FIRST = ((0.0, 0.5), (0.5, 1.0))
NEW = 4  # passes that halving an interval costs
SHARE = 0.5  # of the whole error, held by the intervals that are halved in one round: more halves too much
Interval = tuple[float, float]
Wanted = dict[Interval, Tensor]  # for which targets, (T,)
Pieces = dict[Interval, "Piece"]


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
    most_passes: Annotated[int, Range(20, 5_000), "Give up on a number after so many passes for it, and say so."] = 300,
) -> Attribution:
    """The gradient added up along the line from the baseline to the input, refined until the sum is right.

    (T, F), in the score's unit. On every interval of the line the scores must sum to the rise of F, and a second rule
    on the same points must share it out alike: the differences are that interval's own two errors. The intervals that
    hold most of them are halved until the sums over all intervals are under `tolerance`, one of |F(x) - F(x')|, the
    other of the sum of |scores|, for every target; one that is there asks for no more gradients.
    """
    line = Line(problem)
    everything = torch.ones(len(problem.targets), dtype=torch.bool)
    pieces = line.pieces(dict.fromkeys(FIRST, everything), {})
    change = line.change()  # (T,)
    while halved := _halved(pieces, change, tolerance, (most_passes - line.passes) // NEW):
        pieces = line.pieces(halved, pieces)
    return Attribution(_scores(pieces).float(), tuple(_enough(pieces, change, tolerance).tolist()))


@dataclass(frozen=True, eq=False)
class Piece:
    """An interval of the line with its share of the scores (T, F), and their two errors.

    `gap` (T,) is how far their sum is from the rise of F, `doubt` (T,) how uncertain it is which feature gets what.
    All three are 0 for targets whose line is not cut into this piece.
    """

    scores: Tensor
    gap: Tensor
    doubt: Tensor

    def only(self, targets: Tensor) -> "Piece":
        """What is left of it for these targets (T,)."""
        scores = self.scores.where(targets[:, None], 0.0)
        return Piece(scores, self.gap.where(targets, 0.0), self.doubt.where(targets, 0.0))

    def __add__(self, other: "Piece") -> "Piece":
        return Piece(self.scores + other.scores, self.gap + other.gap, self.doubt + other.doubt)


class Line:
    """The line from baseline to text with what is known of its points: F (T,), and its rise by feature, (T, F).

    Each target has its own intervals; a point that several need is evaluated once for all of them.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._known: dict[float, tuple[Tensor, Tensor, Tensor]] = {}  # the last: for which targets the rise, (T,)

    @property
    def passes(self) -> Tensor:
        """How many points each target has asked for, (T,)."""
        return torch.stack([told for _, _, told in self._known.values()]).sum(0)

    def pieces(self, wanted: Wanted, kept: Pieces) -> Pieces:
        """The pieces that are kept, and those of the intervals that targets want; what is not known is evaluated."""
        places = {(start, end): [start + node * (end - start) for node in NODES] for start, end in wanted}
        asking: dict[float, Tensor] = {}
        for interval, row in places.items():
            for alpha in row:
                asking[alpha] = asking.get(alpha, torch.zeros_like(wanted[interval])) | wanted[interval]
        self._visit(asking)
        found = dict(kept)
        for (interval, row), targets in zip(places.items(), wanted.values(), strict=True):
            piece = self._piece(row).only(targets)
            found[interval] = found[interval] + piece if interval in found else piece
        return found

    def change(self) -> Tensor:
        """What errors are a share of, (T,), as `data.change` says; small changes are made known."""
        last, first = (self._known[alpha][0] for alpha in (1.0, 0.0))
        if ((last - first).abs() <= NEGLIGIBLE_CHANGE * torch.maximum(last.abs(), first.abs())).any():
            self._problem.run.notices.append(
                "The number hardly differs between the text and its baseline, so errors are measured by its size."
            )
        return torch.from_numpy(measure_change(last.numpy(), first.numpy()))

    def _visit(self, asking: dict[float, Tensor]) -> None:
        new = {
            alpha: targets & ~self._known[alpha][2] if alpha in self._known else targets
            for alpha, targets in asking.items()
        }
        asked_of = sorted(new.items(), key=lambda pair: pair[1].tolist())  # a batch serves those that want the same
        new = {alpha: targets for alpha, targets in asked_of if targets.any()}
        if not new:
            return
        direction = self._problem.x - self._problem.baseline  # (1, F, D)
        path = Path(self._problem.baseline, self._problem.x, torch.tensor(list(new)))
        values, rises = self._problem.gradients(
            path, lambda gradient: (gradient * direction).sum(-1), torch.stack(list(new.values()))
        )
        for (alpha, asked), value, rise in zip(new.items(), values.cpu().double(), rises.cpu(), strict=True):
            _, known, told = self._known.get(alpha, (value, rise, asked))
            self._known[alpha] = value, torch.where(asked[:, None], rise, known), told | asked

    def _piece(self, alphas: list[float]) -> Piece:
        values, rises, _ = zip(*(self._known[alpha] for alpha in alphas), strict=True)
        rules = (alphas[-1] - alphas[0]) * torch.stack([WEIGHTS, SIMPSON])  # (2, N)
        scores, other = torch.einsum("rn,ntf->rtf", rules, torch.stack(rises).double())
        gap = (scores.sum(-1) - (values[-1] - values[0])).abs()
        return Piece(scores.float(), gap, DOUBT * (scores - other).abs().sum(-1))


def _scores(pieces: Pieces) -> Tensor:
    """The scores of the whole line, (T, F)."""
    return torch.as_tensor(sum(piece.scores.double() for piece in pieces.values()))


def _errors(pieces: Pieces, change: Tensor) -> Tensor:
    """Both errors of each interval as shares of what they are errors of, (N, 2, T)."""
    size = torch.maximum(_scores(pieces).abs().sum(-1), change)
    return torch.stack([torch.stack([piece.gap / change, piece.doubt / size]) for piece in pieces.values()])


def _enough(pieces: Pieces, change: Tensor, tolerance: float) -> Tensor:
    """For which targets neither sum of all intervals' errors, never less than the whole's, is over the limit, (T,)."""
    return (_errors(pieces, change).sum(0) <= tolerance).all(0)


def _halved(pieces: Pieces, change: Tensor, tolerance: float, most: Tensor) -> Wanted:
    """The halves of the intervals that are too coarse for some target; those are taken from `pieces`.

    They are for each target the fewest that hold SHARE of its error, and of those that others chose the ones where
    its error is over the interval's part of `tolerance`: it would choose them later, and a point costs one forward
    pass however many ask for it. They are no more than `most` (T,).
    """
    errors = _errors(pieces, change).amax(1)  # (N, T)
    ordered, coarse = errors.sort(0, descending=True), ~_enough(pieces, change, tolerance)
    enough = (ordered.values.cumsum(0) < SHARE * errors.sum(0)).sum(0) + 1  # (T,)
    count = torch.minimum(enough, most).where(coarse, 0)
    chosen = (torch.arange(len(errors))[:, None] < count).gather(0, ordered.indices.argsort(0))  # (N, T)
    lengths = torch.tensor([end - start for start, end in pieces])[:, None]
    soon = chosen | (chosen.any(1, keepdim=True) & coarse & (errors > tolerance * lengths))
    chosen = soon.where(soon.sum(0) <= most, chosen)
    halved: Wanted = {}
    for ((start, end), piece), targets in zip(list(pieces.items()), chosen, strict=True):
        if targets.any():
            pieces[start, end] = piece.only(~targets)
            middle = (start + end) / 2
            halved |= {(start, middle): targets, (middle, end): targets}
    return halved
