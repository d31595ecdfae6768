"""How alike two maps are: they are compared over what both have, by ranks, so that no unit matters.

Knows no model and no page. The same words are matched by their place, those of two texts by their order.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ..inputs.text import has_content
from ..request import Target
from ..results.agreement import Agreement
from ..results.explanation import WHOLE, Explanation, Feature, sum_channels

CELLS = 14  # a picture is compared by so many rows and columns of squares
FEWEST = 5  # pieces: of fewer, ranks say nothing
Values = NDArray[np.float64]
Scores = dict[Hashable, float]


def measure_agreement(one: Explanation, other: Explanation, rows: tuple[int, int] = (0, 0), top: int = 5) -> Agreement:
    """How alike the maps of two targets are; `top` is halved until it is at most half of what is shared."""
    mine, theirs = align_scores(one, other, rows)  # (N,), (N,)
    top = min(top, max(1, len(mine) // 2))
    return Agreement(
        shared=len(mine),
        signed=correlate_ranks(mine, theirs) if one.signed and other.signed else None,
        strength=correlate_ranks(np.abs(mine), np.abs(theirs)),
        overlap=measure_overlap(mine, theirs, top) if len(mine) else None,
        top=top,
    )


def measure_agreements(explanations: Sequence[Explanation], rows: Sequence[int], top: int = 5) -> list[list[Agreement]]:
    """The agreement of each map with each, (N, N); that of two is computed once, and the same both ways."""
    pairs = list(zip(explanations, rows, strict=True))
    half = [
        [measure_agreement(one, other, (i, j), top) for other, j in pairs[: n + 1]] for n, (one, i) in enumerate(pairs)
    ]
    return [[half[max(i, j)][min(i, j)] for j in range(len(pairs))] for i in range(len(pairs))]


def correlate_ranks(one: Values, other: Values) -> float | None:
    """Spearman's rank correlation of two rows of numbers, equal ones sharing a rank; None where it is not defined."""
    if len(one) < FEWEST:
        return None
    mine, theirs = (rank(values) - (len(values) + 1) / 2 for values in (one, other))  # means taken away
    size = math.sqrt(float(mine @ mine) * float(theirs @ theirs))
    return max(-1.0, min(1.0, float(mine @ theirs) / size)) if size else None


def rank(values: Values) -> Values:
    """The rank of each number, the smallest being 1; equal ones share the mean of theirs."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)  # the highest rank of each group of equal numbers
    return (last - (sizes - 1) / 2)[group]


def measure_overlap(one: Values, other: Values, top: int) -> float:
    """The share of the `top` largest in size that two rows of numbers share; the first of equal ones counts."""
    mine, theirs = (set(np.argsort(-np.abs(values), kind="stable")[:top].tolist()) for values in (one, other))
    return len(mine & theirs) / top


def align_scores(one: Explanation, other: Explanation, rows: tuple[int, int] = (0, 0)) -> tuple[Values, Values]:
    """The scores of what both maps show, in the same order, (N,) each."""
    mine, theirs = gather_scores(one, rows[0]), gather_scores(other, rows[1])
    theirs = _renamed(one, other, mine, theirs)
    shared = [key for key in mine if key in theirs]
    return np.array([mine[key] for key in shared]), np.array([theirs[key] for key in shared])


def rank_words(explanations: Sequence[Explanation], rows: Sequence[int], top: int = 5) -> dict[str, list[int]]:
    """The words that are among the `top` of any map, each with its place in every map, 1 for the strongest.

    Only words that all have and that say something are counted; equal ones are told apart by a number. Empty for
    pictures.
    """
    first = explanations[0]
    mine = gather_scores(first, rows[0])
    if first.grid:
        return {}
    tables = [
        _renamed(first, other, mine, gather_scores(other, row)) for other, row in zip(explanations, rows, strict=True)
    ]
    named: dict[Hashable, str] = {_key(feature): feature.text for feature in first.by_word().features}
    shared = [key for key in mine if has_content(named[key]) and all(key in table for table in tables)]
    places = []
    for table in tables:
        order = sorted(shared, key=lambda key: -abs(table[key]))
        places.append({key: place for place, key in enumerate(order, 1)})
    seen: Counter[str] = Counter()
    found: dict[str, list[int]] = {}
    for key in shared:
        text = named[key]
        seen[text] += 1
        if any(place[key] <= top for place in places):
            found[text if seen[text] == 1 else f"{text} ({seen[text]})"] = [place[key] for place in places]
    return found


def gather_scores(explanation: Explanation, row: int = 0) -> Scores:
    """The score of each word by field and place in its text, or of each square of a picture; what is visible only."""
    if explanation.grid:
        return _cells(explanation, row)
    words = explanation.by_word()
    found: Scores = {}
    for feature, score in zip(words.features, words.scores[row].tolist(), strict=True):
        if feature.word is not None and not math.isnan(score):
            found[_key(feature)] = found.get(_key(feature), 0.0) + score
    return found


def _key(feature: Feature) -> tuple[str, int | None]:
    return feature.field, feature.word


def _cells(explanation: Explanation, row: int) -> Scores:
    """The sum of the scores in each square of the picture; squares that the model did not read are left out."""
    values = sum_channels(explanation, row)
    left, top, right, bottom = explanation.frame or WHOLE
    high, wide = values.shape
    down = np.floor((top + (np.arange(high) + 0.5) / high * (bottom - top)) * CELLS).astype(int)
    across = np.floor((left + (np.arange(wide) + 0.5) / wide * (right - left)) * CELLS).astype(int)
    places = down[:, None] * CELLS + across  # (rows, columns)
    inside = ((down >= 0) & (down < CELLS))[:, None] & ((across >= 0) & (across < CELLS))
    sums = np.bincount(places[inside], values[inside])
    return {int(place): float(sums[place]) for place in np.unique(places[inside])}


def _renamed(one: Explanation, other: Explanation, mine: Scores, theirs: Scores) -> Scores:
    """Their scores by the keys of the same words in my texts, matched in their order; other words are left out."""
    if one.grid or one.source_texts == other.source_texts:
        return theirs
    said, heard = _words(one, mine), _words(other, theirs)
    names: dict[Hashable, Hashable] = {}
    for field, words in said.items():
        known = heard.get(field, [])
        matcher = SequenceMatcher(None, [text for _, text in words], [text for _, text in known], autojunk=False)
        for a, b, length in matcher.get_matching_blocks():
            names |= {known[b + i][0]: words[a + i][0] for i in range(length)}
    return {names[key]: score for key, score in theirs.items() if key in names}


def _words(explanation: Explanation, scored: Scores) -> dict[str, list[tuple[Hashable, str]]]:
    """Key and text of each word that has a score, by field, in reading order."""
    found = [(_key(feature), feature) for feature in explanation.by_word().features if _key(feature) in scored]
    groups = groupby(sorted(found, key=lambda pair: pair[1].field), key=lambda pair: pair[1].field)
    return {field: [(key, feature.text.casefold()) for key, feature in group] for field, group in groups}


def find_row(explanation: Explanation, target: Target) -> int | None:
    """The row that is about the same as `target`: best the same words of the same place, at least the same label."""
    same = [
        (target.label == other.label, target.text == other.text, target.position == other.position, -row)
        for row, other in enumerate(explanation.targets)
    ]
    best = max(same)
    return -best[3] if best[0] else None
