"""Aggregate tokens into larger units: whole characters, words, sentences, chat roles, or matches of a pattern.

Letters: T targets, F features, G groups.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import regex
from numpy.typing import NDArray

from ..errors import BadRequest, LimitReached
from ..inputs.text import find_grapheme_starts, find_sentence_ends
from ..request import Target
from .step_scores import merge_step_scores

if TYPE_CHECKING:
    from .explanation import Explanation, Feature

Floats = NDArray[np.float32]
Groups = list[list[int]]
Level = Literal["token", "word", "sentence", "role", "pattern"]
How = Literal["sum", "mean", "max", "absmax", "L2"]
LEVELS: tuple[Level, ...] = get_args(Level)
HOWS: tuple[How, ...] = get_args(How)
TIMEOUT = 0.5  # seconds for one pattern on one text
LONGEST = 500  # characters of a pattern


@dataclass(frozen=True)
class Grouping:
    """The unit of aggregation, how its tokens' scores are combined, and the regular expression of level pattern."""

    level: Level = "token"
    how: How = "sum"
    pattern: str = ""


def aggregate(explanation: "Explanation", grouping: Grouping) -> "Explanation":
    """Aggregate the features, and the targets of a generation. An image stays as it is.

    The score of a unit combines its visible tokens; it is NaN only if none is visible. The scores of a generated
    unit's first tokens for its later ones become the score of the unit for itself. A sum stays additive.
    """
    if explanation.kind == "image":
        return explanation
    groups = find_groups(_list_keys(explanation, grouping))
    result = gather(explanation, groups, grouping.how)
    return _gather_targets(result, groups, grouping.how) if explanation.kind == "generation" else result


def gather(explanation: "Explanation", groups: Groups, how: How = "sum") -> "Explanation":
    """Combine the features of each group into one.

    Standard errors are combined like the scores, as for fully correlated tokens; max, absmax and L2 have none.
    """
    if not groups:
        return explanation
    texts, merges = explanation.source_texts, any(len(group) > 1 for group in groups)

    def columns(scores: Floats) -> Floats:
        return np.stack([_merge_scores(scores[:, group], how) for group in groups], axis=1)  # (T, G)

    return replace(
        explanation,
        features=tuple(join_features([explanation.features[i] for i in group], texts) for group in groups),
        scores=columns(explanation.scores),
        spread=None if explanation.spread is None or how not in ("sum", "mean") else columns(explanation.spread),
        signed=explanation.signed and not (merges and how == "L2"),
        additive=explanation.additive and not (merges and how != "sum"),
    )


def find_groups(keys: Sequence[Hashable]) -> Groups:
    """Return the indices of adjacent equal keys, one list per group."""
    return [list(group) for _, group in groupby(range(len(keys)), key=keys.__getitem__)]


def list_word_keys(
    features: "Sequence[Feature]", level: Literal["token", "word", "sentence"] = "word"
) -> list[Hashable]:
    """Return the field and word, or sentence, of each feature; one without has a key of its own."""

    def key(index: int, feature: "Feature") -> Hashable:
        if level == "sentence" and feature.sentence is not None:
            return feature.field, feature.sentence
        return index if level == "token" or feature.word is None else (feature.field, feature.word)

    return [key(index, feature) for index, feature in enumerate(features)]


def join_features(features: "Sequence[Feature]", texts: Mapping[str, str]) -> "Feature":
    """Join adjacent features to one, whose text is that between its ends, accents that no token has included."""
    placed = [feature for feature in features if feature.start is not None and feature.end is not None]
    if not placed:
        return features[0]
    start, end = min(f.start or 0 for f in placed), max(f.end or 0 for f in placed)
    whole = texts.get(placed[0].field, "")
    while start < end < len(whole) and unicodedata.category(whole[end])[0] == "M":
        end += 1
    text = whole[start:end] or placed[0].text
    return replace(placed[0], text=text, start=start, end=end, special=all(f.special for f in features))


def widen_to_characters(spans: Sequence[tuple[int, int]], text: str) -> list[tuple[int, int, list[int]]]:
    """Widen spans to whole grapheme clusters, and merge those that then overlap: (start, end, member indices) each."""
    starts = find_grapheme_starts(text)
    merged: list[tuple[int, int, list[int]]] = []
    for index in sorted(range(len(spans)), key=spans.__getitem__):
        (start, end), members = spans[index], [index]
        start = starts[start]
        while end < len(text) and starts[end] != end:
            end += 1
        if merged and (start < merged[-1][1] or start == merged[-1][0]):
            first, last, before = merged.pop()
            start, end, members = first, max(last, end), before + members
        merged.append((start, end, members))
    return merged


def _merge_scores(scores: Floats, how: How) -> Floats:
    """Combine the visible scores of each row of (N, G) to (N,); NaN if none is visible."""
    hidden = np.isnan(scores)
    count = (~hidden).sum(axis=1)
    filled = np.where(hidden, 0.0, scores)
    match how:
        case "sum":
            merged = filled.sum(axis=1)
        case "mean":
            merged = filled.sum(axis=1) / np.maximum(count, 1)
        case "max":
            merged = np.where(hidden, -np.inf, scores).max(axis=1)
        case "absmax":
            merged = np.take_along_axis(filled, np.abs(filled).argmax(axis=1)[:, None], axis=1)[:, 0]
        case "L2":
            merged = np.sqrt((filled**2).sum(axis=1))
    return np.where(count > 0, merged, np.nan).astype(np.float32)


def _gather_targets(explanation: "Explanation", groups: Groups, how: How) -> "Explanation":
    """Combine the targets of each generated group into one."""
    groups_of = {feature: place for place, group in enumerate(groups) for feature in group}
    places = [groups_of[target.position or 0] for target in explanation.targets]
    rows = find_groups(places)
    if not rows:
        return explanation
    gather_values = np.sum if how == "sum" else np.mean

    def vector(values: Floats) -> Floats:
        return np.array([gather_values(values[row]) for row in rows], np.float32)

    def matrix(scores: Floats) -> Floats:
        return np.stack([_merge_scores(scores[row].T, how) for row in rows])

    tokens = tuple(
        replace(token, position=groups_of.get(token.position)) if token.position is not None else token
        for token in explanation.prediction.targets
    )
    return replace(
        explanation,
        prediction=replace(explanation.prediction, targets=tokens),
        targets=tuple(_merge_targets(explanation, row, places[row[0]]) for row in rows),
        scores=matrix(explanation.scores),
        spread=None if explanation.spread is None else matrix(explanation.spread),
        values=vector(explanation.values),
        baselines=None if explanation.baselines is None else vector(explanation.baselines),
        converged=None
        if explanation.converged is None
        else tuple(all(explanation.converged[i] for i in row) for row in rows),
        steps=tuple(
            (name, tuple(merge_step_scores(name, [numbers[i] for i in row]) for row in rows))
            for name, numbers in explanation.steps
        ),
    )


def _merge_targets(explanation: "Explanation", row: list[int], place: int) -> Target:
    """Combine the targets of `row` into one, with the product of their probabilities."""
    targets = [explanation.targets[i] for i in row]
    if len(targets) == 1:
        return replace(targets[0], position=place)
    shares = [target.probability for target in targets if target.probability is not None]
    foils = [target.foil for target in targets if target.foil is not None]
    return Target(
        label=explanation.features[place].text,
        position=place,
        foil=" ".join(foils) or None,
        probability=float(np.prod(shares)) if len(shares) == len(targets) else None,
    )


def _list_keys(explanation: "Explanation", grouping: Grouping) -> list[Hashable]:
    """Return the unit of each feature; adjacent features with equal keys are one unit."""
    match grouping.level:
        case "word":
            return list_word_keys(explanation.features)
        case "sentence":
            return _cut_texts(explanation, lambda field, text: find_sentence_ends(text))
        case "role":
            roles = explanation.segments
            return _cut_texts(
                explanation, lambda field, _: [place for name, *ends, _ in roles if name == field for place in ends]
            )
        case "pattern":
            return _cut_texts(explanation, lambda field, text: _find_matches(grouping.pattern, text))
    return _token_keys(explanation)


def _token_keys(explanation: "Explanation") -> list[Hashable]:
    """Return one key per token; tokens that share a character share a key."""
    keys: list[Hashable] = list(range(len(explanation.features)))
    for field, text in explanation.source_texts.items():
        places, spans = [], []
        for i, f in enumerate(explanation.features):
            if f.field == field and f.start is not None and f.end is not None and f.start != f.end:
                places.append(i)
                spans.append((f.start, f.end))
        for _, _, members in widen_to_characters(spans, text):
            for member in members:
                keys[places[member]] = places[members[0]]
    return keys


def _cut_texts(explanation: "Explanation", cuts: Callable[[str, str], Sequence[int]]) -> list[Hashable]:
    """Cut each text at the given characters; a token belongs to the unit in which it begins."""
    places = {field: sorted(cuts(field, text)) for field, text in explanation.source_texts.items()}
    return [
        i if f.start is None else (f.field, bisect_right(places.get(f.field, []), f.start))
        for i, f in enumerate(explanation.features)
    ]


def _find_matches(pattern: str, text: str) -> list[int]:
    """Return the starts and ends of a pattern's matches. Raises BadRequest if it is invalid, LimitReached if slow."""
    if not pattern:
        raise BadRequest("The pattern is empty. Type a regular expression, such as \\w+ for words.")
    if len(pattern) > LONGEST:
        raise BadRequest(f"The pattern has {len(pattern)} characters. At most {LONGEST} are allowed.")
    try:
        spans = [match.span() for match in regex.finditer(pattern, text, timeout=TIMEOUT)]
    except regex.error as error:
        raise BadRequest(f"{pattern[:60]!r} is not a regular expression: {error}.") from None
    except TimeoutError:
        raise LimitReached(f"{pattern[:60]!r} takes too long on this text. Give a simpler pattern.") from None
    return sorted({place for start, end in spans if start < end for place in (start, end)})
