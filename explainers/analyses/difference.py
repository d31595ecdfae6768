"""What changed between two explanations: the scores of the one minus those of the other, where their pieces align.

Knows numpy only. Pieces align by their order and their words; one for one, a changed word aligns with what it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import numpy as np

from ..errors import BadRequest
from ..request import Target
from ..results.explanation import Explanation, Feature

LEAST = 0.5  # of the pieces of the shorter text: with fewer that align, a difference says nothing
ARROW = " → "
Places = list[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Difference:
    """The first explanation minus the second, over what aligns; `rows` and `columns` are their places in each."""

    explanation: Explanation
    rows: Places
    columns: Places
    left_out: int  # pieces of either text that have no counterpart


def subtract(one: Explanation, other: Explanation) -> Difference:
    """The first minus the second. Raises BadRequest if they do not align, with the reason."""
    _check(one, other)
    names = (_names(one), _names(other))
    rows = _aligned(*names)
    if not rows:
        raise BadRequest("The two texts have no written token in common, so their scores cannot be subtracted.")
    columns = _columns(one, other)
    shortest = min(len(one.features), len(other.features))
    if len(columns) < LEAST * shortest:
        raise BadRequest(
            f"Only {len(columns)} of {shortest} pieces have a counterpart in the other text: they do not align. "
            "Change fewer words at once."
        )
    first = one.scores[np.ix_([a for a, _ in rows], [a for a, _ in columns])]
    second = other.scores[np.ix_([b for _, b in rows], [b for _, b in columns])]
    homes = {a: place for place, (a, _) in enumerate(columns)}
    found = replace(
        one,
        features=tuple(_feature(one.features[a], other.features[b]) for a, b in columns),
        targets=tuple(_target(one, a, names[1][b], homes) for a, b in rows),
        scores=(first - second).astype(np.float32),
        values=np.array([one.values[a] - other.values[b] for a, b in rows], np.float32),
        baselines=None,
        additive=False,
        converged=None,
        steps=_steps(one, other, rows),
        notices=(),
    )
    return Difference(found, rows, columns, len(one.features) + len(other.features) - 2 * len(columns))


def _check(one: Explanation, other: Explanation) -> None:
    for name in ("task", "method"):
        mine, theirs = getattr(one.request, name), getattr(other.request, name)
        if mine != theirs:
            raise BadRequest(f"A difference needs one {name}, and these have two: {mine} and {theirs}.")
    if one.unit != other.unit or one.signed != other.signed:
        raise BadRequest(f"A difference needs one unit, and these have two: {one.unit} and {other.unit}.")
    if one.grid or other.grid:
        raise BadRequest("Maps of pictures have no words to align.")


def _names(explanation: Explanation) -> list[str]:
    """What each target is called: the words written at its place, or its class."""
    return [
        explanation.features[target.position].text
        if target.position is not None and target.text is None
        else str(target.label or target.index)
        for target in explanation.targets
    ]


def _columns(one: Explanation, other: Explanation) -> Places:
    """The pairs of features that align, field by field, in the order of the first."""
    found: Places = []
    for field in dict.fromkeys(feature.field for feature in one.features):
        mine, theirs = (
            [i for i, feature in enumerate(explanation.features) if feature.field == field]
            for explanation in (one, other)
        )
        words = [[e.features[i].text for i in places] for e, places in ((one, mine), (other, theirs))]
        found += [(mine[a], theirs[b]) for a, b in _aligned(*words)]
    return sorted(found)


def _aligned(one: Sequence[str], other: Sequence[str]) -> Places:
    """The places of equal words in their order, and of as many changed ones between them."""
    found: Places = []
    for kind, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if kind == "equal" or (kind == "replace" and b - a == d - c):
            found += zip(range(a, b), range(c, d), strict=True)
    return found


def _feature(one: Feature, other: Feature) -> Feature:
    return one if one.text == other.text else replace(one, text=f"{one.text}{ARROW}{other.text}")


def _target(one: Explanation, row: int, theirs: str, homes: dict[int, int]) -> Target:
    target = one.targets[row]
    place = homes.get(target.position) if target.position is not None else None
    mine = _names(one)[row]
    label = mine if mine == theirs else f"{mine}{ARROW}{theirs}"
    return replace(target, label=label, position=place, probability=None)


def _steps(one: Explanation, other: Explanation, rows: Places) -> tuple[tuple[str, tuple[float, ...]], ...]:
    known = dict(other.steps)
    return tuple(
        (name, tuple(numbers[a] - known[name][b] for a, b in rows)) for name, numbers in one.steps if name in known
    )
