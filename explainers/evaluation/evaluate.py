"""Compute the Faithfulness of an explanation: perturbation curves and every metric, compared with random rankings.

Letters in shapes: F features, P feature groups, K fractions, R random rankings.
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

SQUARES_PER_SIDE = 8  # of an image
ROUNDING = 1e-6  # relative and absolute: differences that the order of summation alone can cause
TOLERANCE = 1e-3  # between F(x) in the explanation and F(x) of the model that checks it


def check_faithfulness(problem: Problem, explanation: Explanation, row: int, rankings: int) -> Faithfulness:
    """Compute the faithfulness of target `row`, without its counts of passes and seconds."""
    _check_match(problem, explanation, row)
    side = math.ceil(max(problem.layout.grid) / SQUARES_PER_SIDE) if problem.layout.grid else 1
    groups = group_features(problem, patch=side)  # (F,)
    scores = torch.tensor(explanation.scores[row])  # (F,)
    if not bool(((groups != KEPT) & ~scores.isnan()).any()):
        raise BadRequest("There is nothing to remove: this target depends on no word.")
    test = make_test(problem, scores, groups, row, explanation.signed)
    random = test.randomize(rankings)
    masks = [masks for one in (test, *random) for masks in (one.masks_without_top, one.masks_of_top)]
    test.measure_falls(torch.cat(masks))  # cached: all together, they fill few batches
    count = len(test.order)
    return Faithfulness(
        request=explanation.request,
        row=row,
        target=explanation.targets[row],
        unit=explanation.unit,
        signed=explanation.signed,
        piece="square" if problem.layout.grid else "word",
        pieces=count,
        value=float(explanation.values[row]),
        blank=float(explanation.values[row]) - float(test.measure_falls(test.masks_without_top)[-1]),
        fractions=test.counts.numpy() / count,
        curves=_compute_curves(test),
        random=_stack_curves([_compute_curves(one) for one in random]),
        every_order=allows_every_order(count),
        measures=tuple(_measure(metric, test, random) for metric in METRICS.values()),
    )


def _check_match(problem: Problem, explanation: Explanation, row: int) -> None:
    if not 0 <= row < len(explanation.targets):
        raise BadRequest(f"There is no target {row}. This explanation has {len(explanation.targets)}, from 0.")
    if explanation.features != problem.features or len(explanation.targets) != len(problem.targets):
        raise BadRequest(
            "These are not the features of the model's input. Give the explanation as explain returned it."
        )
    now, then = float(problem.deployed[row]), float(explanation.values[row])
    if not abs(now - then) <= TOLERANCE * max(1.0, abs(now)):
        raise Mismatch(f"The model's score is now {now:.4g}, and was {then:.4g} in this explanation. Explain it again.")


def _compute_curves(test: PerturbationTest) -> Curves:
    """Compute the curves (K,) of one ranking."""
    falls = (test.measure_falls(masks).numpy() for masks in (test.masks_without_top, test.masks_of_top))
    return Curves(*falls)


def _stack_curves(curves: Sequence[Curves]) -> Curves:
    """Stack R curves (K,) to (R, K)."""
    return Curves(*(np.stack([getattr(one, name) for one in curves]) for name in ("comprehensiveness", "sufficiency")))


def _measure(metric: Metric, test: PerturbationTest, random: Sequence[PerturbationTest]) -> Measure:
    """Compute a metric of the explanation and of the random rankings."""
    value = metric.run(test)
    others = np.array([metric.run(one) for one in random])  # (R,)
    sign = 1 if metric.better == "high" else -1
    lead = sign * (value - others)  # (R,), above 0 where the explanation is better
    rounding = ROUNDING * max(1.0, abs(value))
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
        as_good=_compute_probability(~(lead > rounding), len(test.order)),  # NaN is never ahead
        as_bad=_compute_probability(~(lead < -rounding), len(test.order)),
    )


def _compute_probability(event: np.ndarray[Any, Any], groups: int) -> float:
    """Compute the share of rankings with an event (R,), counting the explanation itself unless every order is there."""
    extra = 0 if allows_every_order(groups) else 1
    return float((event.sum() + extra) / (len(event) + extra))


def _compute_band(values: Numbers) -> tuple[float, float]:
    """Compute the percentiles BAND of values (R,), NaN if none is defined."""
    if np.isnan(values).all():
        return math.nan, math.nan
    low, high = np.nanpercentile(values, BAND)
    return float(low), float(high)
