"""How alike two explanations are: rank correlation and overlap of the scores of the features that both have.

The words of one text are matched by their place, those of two texts by their order.
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

CELLS = 14  # images are compared by a grid of this many rows and columns of squares
FEWEST_FEATURES = 5  # for fewer, a rank correlation means nothing
Values = NDArray[np.float64]
Scores = dict[Hashable, float]


def measure_agreement(one: Explanation, other: Explanation, rows: tuple[int, int] = (0, 0), top: int = 5) -> Agreement:
    """Measure the agreement of two targets; `top` is at most half of the features that both share."""
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
    """Measure the agreement of each explanation with each, (N, N), symmetric."""
    pairs = list(zip(explanations, rows, strict=True))
    half = [
        [measure_agreement(one, other, (i, j), top) for other, j in pairs[: n + 1]] for n, (one, i) in enumerate(pairs)
    ]
    return [[half[max(i, j)][min(i, j)] for j in range(len(pairs))] for i in range(len(pairs))]


def correlate_ranks(one: Values, other: Values) -> float | None:
    """Compute Spearman's rank correlation, in which equal numbers share a rank; None where it is not defined."""
    if len(one) < FEWEST_FEATURES:
        return None
    mine, theirs = (rank(values) - (len(values) + 1) / 2 for values in (one, other))  # centred
    size = math.sqrt(float(mine @ mine) * float(theirs @ theirs))
    return max(-1.0, min(1.0, float(mine @ theirs) / size)) if size else None


def rank(values: Values) -> Values:
    """Rank the numbers, 1 for the smallest; equal ones share the mean of their ranks."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)  # the highest rank of each group of equal numbers
    return (last - (sizes - 1) / 2)[group]


def measure_overlap(one: Values, other: Values, top: int) -> float:
    """Compute the share of the `top` largest absolute values that both have in common; of equal ones the first."""
    mine, theirs = (set(np.argsort(-np.abs(values), kind="stable")[:top].tolist()) for values in (one, other))
    return len(mine & theirs) / top


def align_scores(one: Explanation, other: Explanation, rows: tuple[int, int] = (0, 0)) -> tuple[Values, Values]:
    """Return the scores of the features that both explanations have, in the same order, (N,) each."""
    mine, theirs = gather_scores(one, rows[0]), gather_scores(other, rows[1])
    theirs = _match_words(one, other, mine, theirs)
    shared = [key for key in mine if key in theirs]
    return np.array([mine[key] for key in shared]), np.array([theirs[key] for key in shared])


def rank_words(explanations: Sequence[Explanation], rows: Sequence[int], top: int = 5) -> dict[str, list[int]]:
    """Return the words among the `top` of any explanation, each with its rank in every one, 1 for the strongest.

    Only words that all have are ranked, without punctuation; equal words are numbered. Empty for images.
    """
    first = explanations[0]
    mine = gather_scores(first, rows[0])
    if first.grid:
        return {}
    tables = [
        _match_words(first, other, mine, gather_scores(other, row))
        for other, row in zip(explanations, rows, strict=True)
    ]
    texts: dict[Hashable, str] = {_make_key(feature): feature.text for feature in first.by_word().features}
    shared = [key for key in mine if has_content(texts[key]) and all(key in table for table in tables)]
    places = []
    for table in tables:
        order = sorted(shared, key=lambda key: -abs(table[key]))
        places.append({key: place for place, key in enumerate(order, 1)})
    seen: Counter[str] = Counter()
    ranks: dict[str, list[int]] = {}
    for key in shared:
        text = texts[key]
        seen[text] += 1
        if any(place[key] <= top for place in places):
            ranks[text if seen[text] == 1 else f"{text} ({seen[text]})"] = [place[key] for place in places]
    return ranks


def gather_scores(explanation: Explanation, row: int = 0) -> Scores:
    """Return the score of each visible word by input and place, or of each square of an image."""
    if explanation.grid:
        return _sum_cells(explanation, row)
    words = explanation.by_word()
    scores: Scores = {}
    for feature, score in zip(words.features, words.scores[row].tolist(), strict=True):
        if feature.word is not None and not math.isnan(score):
            key = _make_key(feature)
            scores[key] = scores.get(key, 0.0) + score
    return scores


def _make_key(feature: Feature) -> tuple[str, int | None]:
    return feature.field, feature.word


def _sum_cells(explanation: Explanation, row: int) -> Scores:
    """Sum the scores in each square of the image; squares that the model did not read are left out."""
    values = sum_channels(explanation, row)
    left, top, right, bottom = explanation.frame or WHOLE
    high, wide = values.shape
    down = np.floor((top + (np.arange(high) + 0.5) / high * (bottom - top)) * CELLS).astype(int)
    across = np.floor((left + (np.arange(wide) + 0.5) / wide * (right - left)) * CELLS).astype(int)
    places = down[:, None] * CELLS + across  # (rows, columns)
    inside = ((down >= 0) & (down < CELLS))[:, None] & ((across >= 0) & (across < CELLS))
    sums = np.bincount(places[inside], values[inside])
    return {int(place): float(sums[place]) for place in np.unique(places[inside])}


def _match_words(one: Explanation, other: Explanation, mine: Scores, theirs: Scores) -> Scores:
    """Return the scores of `other` by the keys of the same words in `one`, matched in order; others are left out."""
    if one.grid or one.source_texts == other.source_texts:
        return theirs
    own_words, other_words = _list_words(one, mine), _list_words(other, theirs)
    names: dict[Hashable, Hashable] = {}
    for field, words in own_words.items():
        others = other_words.get(field, [])
        matcher = SequenceMatcher(None, [text for _, text in words], [text for _, text in others], autojunk=False)
        for a, b, length in matcher.get_matching_blocks():
            names |= {others[b + i][0]: words[a + i][0] for i in range(length)}
    return {names[key]: score for key, score in theirs.items() if key in names}


def _list_words(explanation: Explanation, scored: Scores) -> dict[str, list[tuple[Hashable, str]]]:
    """Return key and text of each word that has a score, by field, in reading order."""
    keys = [(_make_key(feature), feature) for feature in explanation.by_word().features]
    words = sorted((pair for pair in keys if pair[0] in scored), key=lambda pair: pair[1].field)
    groups = groupby(words, key=lambda pair: pair[1].field)
    return {field: [(key, feature.text.casefold()) for key, feature in group] for field, group in groups}


def find_row(explanation: Explanation, target: Target) -> int | None:
    """Find the row of the same target: the same label, preferably with the same text and position."""
    same = [
        (target.label == other.label, target.text == other.text, target.position == other.position, -row)
        for row, other in enumerate(explanation.targets)
    ]
    best = max(same)
    return -best[3] if best[0] else None
