"""Tokens gathered into larger pieces, on both axes of a generation: words, sentences, roles, or a pattern's matches.

Knows numpy only: an Explanation becomes an Explanation.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal, get_args

import numpy as np
import regex

from ..data import Explanation, Feature, Floats
from ..errors import BadRequest, LimitReached
from ..inputs.text import find_grapheme_starts, find_sentence_ends
from ..request import Target
from .result import is_generation

Level = Literal["token", "word", "sentence", "role", "pattern"]
How = Literal["sum", "mean", "max", "absmax", "L2"]
LEVELS: tuple[Level, ...] = get_args(Level)
HOWS: tuple[How, ...] = get_args(How)
# How a number of several tokens, one after the other, is theirs together; of all other numbers it is the mean.
GATHERED: dict[str, Callable[[list[float]], Any]] = {
    "probability": np.prod,
    "log_probability": np.sum,
    "cross_entropy": np.sum,
    "perplexity": lambda numbers: np.exp(np.mean(np.log(numbers))),
}
SECONDS = 0.5  # for one pattern on one text
LONGEST = 500  # characters of a pattern


@dataclass(frozen=True)
class Grouping:
    """How tokens are gathered: into what, how their scores become one, and the pattern if it is one."""

    level: Level = "token"
    how: How = "sum"
    pattern: str = ""


def grouped(explanation: Explanation, grouping: Grouping) -> Explanation:
    """The explanation by pieces; of a generation what was written is gathered too. An image stays as it is.

    Scores of a piece that is hidden in part are those of its visible tokens; NaN only where all are hidden. What the
    end of a piece owes to its own beginning stands where the piece meets itself. A sum stays additive.
    """
    if explanation.grid or not explanation.features:
        return explanation
    groups = [
        list(group)
        for _, group in groupby(range(len(explanation.features)), key=_keys(explanation, grouping).__getitem__)
    ]
    features = tuple(_joined(explanation, [explanation.features[i] for i in group]) for group in groups)
    scores = np.stack([_merged(explanation.scores[:, group], grouping.how) for group in groups], axis=1)  # (T, G)
    merges = any(len(group) > 1 for group in groups)
    found = replace(
        explanation,
        features=features,
        scores=scores,
        signed=explanation.signed and not (merges and grouping.how == "L2"),
        additive=explanation.additive and not (merges and grouping.how != "sum"),
    )
    return _rows(found, groups, grouping.how) if is_generation(explanation) else found


def _rows(explanation: Explanation, groups: list[list[int]], how: How) -> Explanation:
    """The same with the targets of a piece as one."""
    home = {feature: place for place, group in enumerate(groups) for feature in group}
    places = [home[target.position or 0] for target in explanation.targets]
    rows = [list(group) for _, group in groupby(range(len(places)), key=places.__getitem__)]
    gather = np.sum if how == "sum" else np.mean

    def vector(values: Floats) -> Floats:
        return np.array([gather(values[row]) for row in rows], np.float32)

    said = tuple(
        replace(token, position=home.get(token.position)) if token.position is not None else token
        for token in explanation.prediction.targets
    )
    return replace(
        explanation,
        prediction=replace(explanation.prediction, targets=said),
        targets=tuple(_target(explanation, row, places[row[0]]) for row in rows),
        scores=np.stack([_merged(explanation.scores[row].T, how) for row in rows]),
        values=vector(explanation.values),
        baselines=None if explanation.baselines is None else vector(explanation.baselines),
        converged=None
        if explanation.converged is None
        else tuple(all(explanation.converged[i] for i in row) for row in rows),
        steps=tuple(
            (name, tuple(float(GATHERED.get(name, np.mean)([numbers[i] for i in row])) for row in rows))
            for name, numbers in explanation.steps
        ),
    )


def _target(explanation: Explanation, row: list[int], place: int) -> Target:
    """One target for those of `row`: its probability is that of all of them, one after the other."""
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


def _merged(scores: Floats, how: How) -> Floats:
    """Scores (N, G) as one a row, (N,): of those that are visible, NaN where none is."""
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


def _keys(explanation: Explanation, grouping: Grouping) -> list[Any]:
    """For each feature the piece that it belongs to; neighbours with equal keys are one."""
    match grouping.level:
        case "token":
            return _tokens(explanation)
        case "word":
            words = enumerate(explanation.features)
            return [(f.field, ("alone", i) if f.word is None else f.word) for i, f in words]
        case "sentence":
            return _between(explanation, lambda field, text: find_sentence_ends(text))
        case "role":
            roles = explanation.segments
            return _between(
                explanation, lambda field, _: [place for name, *ends, _ in roles if name == field for place in ends]
            )
        case "pattern":
            return _between(explanation, lambda field, text: _matches(grouping.pattern, text))


def _tokens(explanation: Explanation) -> list[Any]:
    """Each token by itself, but those that share a sign are one."""
    starts = {field: find_grapheme_starts(text) for field, text in explanation.shown.items()}
    keys: list[Any] = []
    field, reached = "", -1
    for index, feature in enumerate(explanation.features):
        start, end = feature.start, feature.end
        places = starts.get(feature.field)
        if start is None or end is None or start == end or places is None:
            keys.append(index)
            reached = -1
            continue
        shares = feature.field == field and places[start] < reached
        keys.append(keys[-1] if shares else index)
        field, reached = feature.field, max(end, reached if shares else -1)
    return keys


def _between(explanation: Explanation, cuts: Callable[[str, str], Sequence[int]]) -> list[Any]:
    """Pieces that begin at the cuts of each text; a token belongs to the piece in which it begins."""
    places = {field: sorted(cuts(field, text)) for field, text in explanation.shown.items()}
    return [
        (
            feature.field,
            ("alone", index) if feature.start is None else bisect_right(places.get(feature.field, []), feature.start),
        )
        for index, feature in enumerate(explanation.features)
    ]


def _matches(pattern: str, text: str) -> list[int]:
    """Where the matches of a pattern begin and end. Raises BadRequest if it is none, LimitReached if it is slow."""
    if not pattern:
        raise BadRequest("The pattern is empty. Type a regular expression, such as \\w+ for words.")
    if len(pattern) > LONGEST:
        raise BadRequest(f"The pattern has {len(pattern)} characters, and at most {LONGEST} are taken.")
    try:
        found = [match.span() for match in regex.finditer(pattern, text, timeout=SECONDS)]
    except regex.error as error:
        raise BadRequest(f"{pattern[:60]!r} is not a regular expression: {error}.") from None
    except TimeoutError:
        raise LimitReached(f"{pattern[:60]!r} takes too long on this text. Give a simpler pattern.") from None
    return sorted({place for start, end in found if start < end for place in (start, end)})


def _joined(explanation: Explanation, features: Sequence[Feature]) -> Feature:
    """One feature for several that are neighbours."""
    placed = [feature for feature in features if feature.start is not None and feature.end is not None]
    if len(features) == 1 or not placed:
        return features[0]
    start, end = min(f.start or 0 for f in placed), max(f.end or 0 for f in placed)
    text = explanation.shown.get(placed[0].field, "")[start:end]
    return replace(
        placed[0], text=text or placed[0].text, start=start, end=end, special=all(f.special for f in features)
    )
