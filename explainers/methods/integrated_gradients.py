"""Integrated gradients with adaptive quadrature: intervals of the path are halved where the score changes fastest.

Letters in shapes: N intervals or points, T targets, F features, D embedding width.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from ..problem import Attribution, Problem, StraightPath
from ..registry import Range, method
from ..results.explanation import NEGLIGIBLE_CHANGE, measure_change

# Boole's closed rule is exact up to degree 5. Neighbouring intervals share their end points, and halving an interval
# keeps all five nodes, so it costs four new ones.
NODES = (0.0, 0.25, 0.5, 0.75, 1.0)
WEIGHTS = torch.tensor([7.0, 32.0, 12.0, 32.0, 7.0], dtype=torch.float64) / 90
SIMPSON = torch.tensor([1.0, 0.0, 4.0, 0.0, 1.0], dtype=torch.float64) / 6  # exact up to degree 3, on the same nodes
DOUBT = 0.15  # estimated error of Boole's rule, as a share of its difference from Simpson's: measured, not derived
FIRST_INTERVALS = ((0.0, 0.5), (0.5, 1.0))
COST = 4  # passes for halving an interval
SHORTEST = 2.0**-20  # length of an interval that is not halved: F jumps in it, and alphas are known to about 2^-24
SHARE = 0.5  # of the total error, held by the intervals that are halved in one round; more would halve too many
Interval = tuple[float, float]
Refinement = dict[Interval, Tensor]  # new intervals, each with the targets that need it as a mask (T,)
Intervals = dict[Interval, "IntervalScores"]


@method(
    "Integrated gradients",
    paper="Sundararajan et al. 2017, arXiv:1703.01365",
    needs=("gradients", "baseline"),
    additive=True,
)
def integrated_gradients(
    problem: Problem,
    *,
    tolerance: Annotated[float, Range(0.0001, 0.2), "Largest relative error of the sum of scores."] = 0.005,
    most_passes: Annotated[
        int, Range(20, 5_000), 'Maximum number of passes per target before reporting "not converged".'
    ] = 300,
) -> Attribution:
    """Change the input in small steps from blank to real, and add up what each token or pixel contributes on the way.

    Integral of gradient × (x - x') along the straight line from x' to x: (T, F), in the score's unit. Each interval of
    the line has two errors: its convergence delta, and the difference between two quadrature rules on the same points.
    The intervals with most of the error are halved until, for every target, the sum of deltas is within `tolerance`
    of |F(x) - F(x')| and the sum of quadrature errors within `tolerance` of Σ |scores|. Converged targets are not
    evaluated further.
    """
    line = Line(problem)
    everything = torch.ones(len(problem.targets), dtype=torch.bool)
    intervals = line.refine(dict.fromkeys(FIRST_INTERVALS, everything), {})
    change = line.measure_change()  # (T,)
    while halves := _halve_intervals(intervals, change, tolerance, (most_passes - line.passes) // COST):
        intervals = line.refine(halves, intervals)
    converged = _check_convergence(intervals, change, tolerance)
    return Attribution(_sum_scores(intervals).float(), tuple(converged.tolist()))


@dataclass(frozen=True, eq=False)
class IntervalScores:
    """The contribution of one interval of the line to the scores (T, F), with its two errors.

    `delta` (T,) is |sum of scores - rise of F|, `quadrature_error` (T,) the estimated error of the division among
    features. All three are 0 for targets that do not use this interval.
    """

    scores: Tensor
    delta: Tensor
    quadrature_error: Tensor

    def select(self, targets: Tensor) -> "IntervalScores":
        """Keep the targets where the mask (T,) is True, and set the others to 0."""
        scores = self.scores.where(targets[:, None], 0.0)
        return IntervalScores(scores, self.delta.where(targets, 0.0), self.quadrature_error.where(targets, 0.0))

    def __add__(self, other: "IntervalScores") -> "IntervalScores":
        return IntervalScores(
            self.scores + other.scores,
            self.delta + other.delta,
            self.quadrature_error + other.quadrature_error,
        )


class Line:
    """The line from the baseline to the input, with F (T,) and its slope by feature (T, F) at all evaluated points.

    Each target has its own intervals; a point that several targets need is evaluated once for all of them.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._points: dict[float, tuple[Tensor, Tensor, Tensor]] = {}  # F, slopes, targets with known slopes (T,)

    @property
    def passes(self) -> Tensor:
        """The number of points evaluated for each target, (T,)."""
        return torch.stack([targets for _, _, targets in self._points.values()]).sum(0)

    def refine(self, refinement: Refinement, intervals: Intervals) -> Intervals:
        """Return `intervals` with those of `refinement` added; points that are not known yet are evaluated."""
        alphas = {(start, end): [start + node * (end - start) for node in NODES] for start, end in refinement}
        needed: dict[float, Tensor] = {}
        for interval, row in alphas.items():
            for alpha in row:
                needed[alpha] = needed.get(alpha, torch.zeros_like(refinement[interval])) | refinement[interval]
        self._evaluate(needed)
        refined = dict(intervals)
        for (interval, row), targets in zip(alphas.items(), refinement.values(), strict=True):
            scores = self._integrate(row).select(targets)
            refined[interval] = refined[interval] + scores if interval in refined else scores
        return refined

    def measure_change(self) -> Tensor:
        """Measure |F(x) - F(x')|, or the size of F if that is too small (with a notice), (T,)."""
        last, first = (self._points[alpha][0] for alpha in (1.0, 0.0))
        if ((last - first).abs() <= NEGLIGIBLE_CHANGE * torch.maximum(last.abs(), first.abs())).any():
            self._problem.run.notices.append(
                "The score hardly differs between the input and its baseline, so errors are relative to the score."
            )
        return torch.from_numpy(measure_change(last.numpy(), first.numpy()))

    def _evaluate(self, needed: dict[float, Tensor]) -> None:
        """Evaluate F and its slopes at alphas, each for a mask (T,) of targets, where they are not known yet."""
        new = {
            alpha: targets & ~self._points[alpha][2] if alpha in self._points else targets
            for alpha, targets in needed.items()
        }
        by_targets = sorted(new.items(), key=lambda pair: pair[1].tolist())  # a batch holds points of the same targets
        new = {alpha: targets for alpha, targets in by_targets if targets.any()}
        if not new:
            return
        direction = self._problem.x - self._problem.baseline  # (1, F, D)
        path = StraightPath(self._problem.baseline, self._problem.x, torch.tensor(list(new)))
        values, slopes = self._problem.gradients(
            path, lambda gradient: (gradient * direction).sum(-1), torch.stack(list(new.values()))
        )
        for (alpha, targets), value, slope in zip(new.items(), values.cpu().double(), slopes.cpu(), strict=True):
            _, known_slope, known_targets = self._points.get(alpha, (value, slope, targets))
            self._points[alpha] = value, torch.where(targets[:, None], slope, known_slope), known_targets | targets

    def _integrate(self, alphas: list[float]) -> IntervalScores:
        """Integrate the slopes over the interval with nodes at `alphas`."""
        values, slopes, _ = zip(*(self._points[alpha] for alpha in alphas), strict=True)
        rules = (alphas[-1] - alphas[0]) * torch.stack([WEIGHTS, SIMPSON])  # (2, N)
        scores, other = torch.einsum("rn,ntf->rtf", rules, torch.stack(slopes).double())
        delta = (scores.sum(-1) - (values[-1] - values[0])).abs()
        return IntervalScores(scores.float(), delta, DOUBT * (scores - other).abs().sum(-1))


def _sum_scores(intervals: Intervals) -> Tensor:
    """Sum the scores of all intervals, (T, F)."""
    return torch.as_tensor(sum(one.scores.double() for one in intervals.values()))


def _compute_errors(intervals: Intervals, change: Tensor) -> Tensor:
    """Compute the relative convergence delta and quadrature error of each interval, (N, 2, T)."""
    size = torch.maximum(_sum_scores(intervals).abs().sum(-1), change)
    return torch.stack([torch.stack([one.delta / change, one.quadrature_error / size]) for one in intervals.values()])


def _check_convergence(intervals: Intervals, change: Tensor, tolerance: float) -> Tensor:
    """Return which targets have both summed interval errors, upper bounds of the total, within `tolerance`, (T,)."""
    return (_compute_errors(intervals, change).sum(0) <= tolerance).all(0)


def _halve_intervals(intervals: Intervals, change: Tensor, tolerance: float, most: Tensor) -> Refinement:
    """Return the halves of the intervals with most of the error, and remove those intervals from `intervals`.

    Per target, these are the fewest intervals that hold SHARE of its error, plus those that another target halves and
    whose error exceeds their part of `tolerance`: they would follow later, and one forward pass serves all targets.
    At most `most` (T,) intervals per target, and none shorter than SHORTEST.
    """
    lengths = torch.tensor([end - start for start, end in intervals])[:, None]
    errors = _compute_errors(intervals, change).amax(1).where(lengths > SHORTEST, 0.0)  # (N, T)
    ordered, open_targets = errors.sort(0, descending=True), ~_check_convergence(intervals, change, tolerance)
    needed = (ordered.values.cumsum(0) < SHARE * errors.sum(0)).sum(0) + 1  # (T,)
    count = torch.minimum(needed, most).where(open_targets, 0)
    chosen = (torch.arange(len(errors))[:, None] < count).gather(0, ordered.indices.argsort(0))  # (N, T)
    shared = chosen | (chosen.any(1, keepdim=True) & open_targets & (errors > tolerance * lengths))
    chosen = shared.where(shared.sum(0) <= most, chosen) & (errors > 0)
    halves: Refinement = {}
    for ((start, end), scores), targets in zip(list(intervals.items()), chosen, strict=True):
        if targets.any():
            intervals[start, end] = scores.select(~targets)
            middle = (start + end) / 2
            halves |= {(start, middle): targets, (middle, end): targets}
    return halves
