"""The difference of two explanations: the scores of one minus those of the other, where their features align.

Equal features align in order, as in a text diff; a run of changed features aligns with one of the same length.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import numpy as np

from ..errors import BadRequest
from ..request import Target
from ..results.explanation import Explanation, Feature

LEAST_ALIGNED = 0.5  # share of the shorter text's features; with fewer, a difference means nothing
ARROW = " → "
Pairs = list[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Difference:
    """The first explanation minus the second, over what aligns; `rows` and `columns` are the places of each in both."""

    explanation: Explanation
    rows: Pairs
    columns: Pairs
    left_out: int  # features of either text without a counterpart


def subtract(one: Explanation, other: Explanation) -> Difference:
    """Subtract the second explanation from the first. Raises BadRequest, with the reason, if they do not align."""
    _check_comparable(one, other)
    names = (_name_targets(one), _name_targets(other))
    rows = _align(*names)
    if not rows:
        raise BadRequest("The two explanations have no target in common, so their scores cannot be subtracted.")
    columns = _align_features(one, other)
    shortest = min(len(one.features), len(other.features))
    if len(columns) < LEAST_ALIGNED * shortest:
        raise BadRequest(
            f"Only {len(columns)} of {shortest} words or tokens have a counterpart in the other text. "
            "Change fewer words at once."
        )
    first = one.scores[np.ix_([a for a, _ in rows], [a for a, _ in columns])]
    second = other.scores[np.ix_([b for _, b in rows], [b for _, b in columns])]
    positions = {a: position for position, (a, _) in enumerate(columns)}
    explanation = replace(
        one,
        features=tuple(_merge_feature(one.features[a], other.features[b]) for a, b in columns),
        targets=tuple(_merge_target(one, a, names[1][b], positions) for a, b in rows),
        scores=(first - second).astype(np.float32),
        values=np.array([one.values[a] - other.values[b] for a, b in rows], np.float32),
        baselines=None,
        additive=False,
        converged=None,
        steps=_subtract_steps(one, other, rows),
        notices=(),
    )
    return Difference(explanation, rows, columns, len(one.features) + len(other.features) - 2 * len(columns))


def _check_comparable(one: Explanation, other: Explanation) -> None:
    for name in ("task", "method"):
        mine, theirs = getattr(one.request, name), getattr(other.request, name)
        if mine != theirs:
            raise BadRequest(f"Both explanations need the same {name}. These have {mine} and {theirs}.")
    if one.unit != other.unit or one.signed != other.signed:
        raise BadRequest(f"Both explanations need the same unit. These have {one.unit} and {other.unit}.")
    if one.grid or other.grid:
        raise BadRequest("Explanations of images have no words to align.")


def _name_targets(explanation: Explanation) -> list[str]:
    """Name each target: the generated token at its position, or its class."""
    return [
        explanation.features[target.position].text
        if target.position is not None and target.text is None
        else str(target.label or target.index)
        for target in explanation.targets
    ]


def _align_features(one: Explanation, other: Explanation) -> Pairs:
    """Align the features, field by field, in the order of the first."""
    pairs: Pairs = []
    for field in dict.fromkeys(feature.field for feature in one.features):
        mine, theirs = (
            [i for i, feature in enumerate(explanation.features) if feature.field == field]
            for explanation in (one, other)
        )
        words = [[e.features[i].text for i in places] for e, places in ((one, mine), (other, theirs))]
        pairs += [(mine[a], theirs[b]) for a, b in _align(*words)]
    return sorted(pairs)


def _align(one: Sequence[str], other: Sequence[str]) -> Pairs:
    """Align equal words in order, and runs of changed words with runs of the same length."""
    pairs: Pairs = []
    for kind, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if kind == "equal" or (kind == "replace" and b - a == d - c):
            pairs += zip(range(a, b), range(c, d), strict=True)
    return pairs


def _merge_feature(one: Feature, other: Feature) -> Feature:
    return one if one.text == other.text else replace(one, text=f"{one.text}{ARROW}{other.text}")


def _merge_target(one: Explanation, row: int, theirs: str, positions: dict[int, int]) -> Target:
    target = one.targets[row]
    position = positions.get(target.position) if target.position is not None else None
    mine = _name_targets(one)[row]
    label = mine if mine == theirs else f"{mine}{ARROW}{theirs}"
    return replace(target, label=label, position=position, probability=None)


def _subtract_steps(one: Explanation, other: Explanation, rows: Pairs) -> tuple[tuple[str, tuple[float, ...]], ...]:
    known = dict(other.steps)
    return tuple(
        (name, tuple(numbers[a] - known[name][b] for a, b in rows)) for name, numbers in one.steps if name in known
    )
