"""From a Problem and a map of it to its Faithfulness: the curves and every metric, beside random rankings.

Knows no method; who lends the model is the engine's to say.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..errors import BadRequest, Mismatch
from ..methods.feature_groups import KEPT, group_features
from ..problem import Problem
from ..registry import Metric
from ..results.explanation import Explanation
from ..results.faithfulness import BAND, Curves, Faithfulness, Measure, Numbers
from . import METRICS
from .perturbation import PerturbationTest, allows_every_order, make_test

SQUARES_PER_SIDE = 8  # to a side of an image
ROUNDING = 1e-6  # of a number's size, and of 1: what the order of sums alone can change
TOLERANCE = 1e-3  # how far a map's own number may be from that of the model it is checked on


def check_faithfulness(problem: Problem, explanation: Explanation, row: int, rankings: int) -> Faithfulness:
    """The faithfulness of target `row`; passes and seconds are left to whoever counts them."""
    _check_match(problem, explanation, row)
    side = math.ceil(max(problem.layout.grid) / SQUARES_PER_SIDE) if problem.layout.grid else 1
    groups = group_features(problem, patch=side)  # (F,)
    scores = torch.tensor(explanation.scores[row])  # (F,)
    if not bool(((groups != KEPT) & ~scores.isnan()).any()):
        raise BadRequest("There is nothing to take away: this target can see no word.")
    own = make_test(problem, scores, groups, row, explanation.signed)
    chance = own.chance(rankings)
    own.falls(torch.cat([masks for one in (own, *chance) for masks in (one.without, one.only)]))  # in few batches
    count = len(own.order)
    return Faithfulness(
        request=explanation.request,
        row=row,
        target=explanation.targets[row],
        unit=explanation.unit,
        signed=explanation.signed,
        piece="square" if problem.layout.grid else "word",
        pieces=count,
        value=float(explanation.values[row]),
        blank=float(explanation.values[row]) - float(own.falls(own.without)[-1]),
        fractions=own.counts.numpy() / count,
        curves=_compute_curves(own),
        random=_stack_curves([_compute_curves(one) for one in chance]),
        every_order=allows_every_order(count),
        measures=tuple(_measure(metric, own, chance) for metric in METRICS.values()),
    )


def _check_match(problem: Problem, explanation: Explanation, row: int) -> None:
    if not 0 <= row < len(explanation.targets):
        raise BadRequest(f"There is no target {row}. This explanation has {len(explanation.targets)}, from 0.")
    if explanation.features != problem.features or len(explanation.targets) != len(problem.targets):
        raise BadRequest("These are not the pieces that the model reads. Give the explanation as explain made it.")
    now, then = float(problem.deployed[row]), float(explanation.values[row])
    if not abs(now - then) <= TOLERANCE * max(1.0, abs(now)):
        raise Mismatch(f"The model now gives {now:.4g}, and this explanation is of {then:.4g}. Explain it again.")


def _compute_curves(one: PerturbationTest) -> Curves:
    return Curves(one.falls(one.without).numpy(), one.falls(one.only).numpy())


def _stack_curves(curves: Sequence[Curves]) -> Curves:
    """Curves (K,) as (R, K)."""
    return Curves(*(np.stack([getattr(one, name) for one in curves]) for name in ("comprehensiveness", "sufficiency")))


def _measure(metric: Metric, own: PerturbationTest, chance: Sequence[PerturbationTest]) -> Measure:
    """The metric of the map and of the random rankings."""
    value = metric.run(own)
    others = np.array([metric.run(one) for one in chance])  # (R,)
    good = 1 if metric.better == "high" else -1
    ahead = good * (value - others)  # (R,), above 0 where the map does better
    low, high = _compute_band(others)
    return Measure(
        key=metric.key,
        label=metric.label,
        summary=metric.summary,
        paper=metric.paper,
        better=metric.better,
        value=value,
        random=float(np.nan if np.isnan(others).all() else np.nanmean(others)),
        low=low,
        high=high,
        as_good=_compute_probability(
            ~(ahead > _estimate_rounding(value)), len(own.order)
        ),  # NaN is not ahead of anything
        as_bad=_compute_probability(~(ahead < -_estimate_rounding(value)), len(own.order)),
    )


def _estimate_rounding(value: float) -> float:
    return ROUNDING * max(1.0, abs(value))


def _compute_probability(found: np.ndarray[Any, Any], count: int) -> float:
    """The probability of a finding (R,), the map itself counted as one of the rankings; all orders hold it already."""
    extra = 0 if allows_every_order(count) else 1
    return float((found.sum() + extra) / (len(found) + extra))


def _compute_band(others: Numbers) -> tuple[float, float]:
    if np.isnan(others).all():
        return math.nan, math.nan
    low, high = np.nanpercentile(others, BAND)
    return float(low), float(high)
