"""The pieces of a text as people see them, each with its score: words or tokens, never half a grapheme.

Knows no HTML; what the model did not read is a piece too.
"""

import math
from dataclasses import dataclass, replace

from ..data import Explanation, Feature
from ..inputs.text import find_grapheme_starts


@dataclass(frozen=True)
class Segment:
    """A piece of one input's text with its score; `score` is None for what no feature covers, NaN if not visible."""

    text: str
    field: str
    start: int
    end: int
    score: float | None = None
    read: bool = True


def segments(explanation: Explanation, field: str, row: int = 0) -> list[Segment]:
    """The whole text of an input in order, features' pieces and what lies between them; nothing is lost."""
    text = explanation.shown[field]
    scores = explanation.scores[row].tolist()
    spans = [
        (feature.start, feature.end, score)
        for feature, score in zip(explanation.features, scores, strict=True)
        if feature.field == field and feature.start is not None and feature.end is not None
    ]
    return _filled(text, field, _merged(spans, find_grapheme_starts(text)))


def _merged(spans: list[tuple[int, int, float]], starts: list[int]) -> list[tuple[int, int, float]]:
    """The spans widened to whole graphemes; those that then overlap become one, their scores added."""
    merged: list[tuple[int, int, float]] = []
    for start, end, score in sorted(spans, key=lambda span: span[:2]):
        start = starts[start]
        while end < len(starts) - 1 and starts[end] != end:
            end += 1
        if merged and (start < merged[-1][1] or start == merged[-1][0]):
            first, last, before = merged.pop()
            start, end, score = first, max(last, end), _sum(before, score)
        merged.append((start, end, score))
    return _housed(merged)


def _housed(spans: list[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    """Empty spans, which are tokens of space with nothing behind them, give their scores to a neighbour."""
    housed: list[tuple[int, int, float]] = []
    for start, end, score in spans:
        if housed and (start == end or housed[-1][0] == housed[-1][1]):
            first, last, before = housed.pop()
            start, end = (first, last) if start == end else (start, end)
            score = _sum(before, score)
        housed.append((start, end, score))
    return [span for span in housed if span[1] > span[0]]


def _sum(one: float, other: float) -> float:
    """The sum of the scores that are visible."""
    return other if math.isnan(one) else one if math.isnan(other) else one + other


def _filled(text: str, field: str, merged: list[tuple[int, int, float]]) -> list[Segment]:
    pieces, place = [], 0
    for start, end, score in merged:
        if start > place:
            read = place > 0 or not text[:start].strip()
            pieces.append(Segment(text[place:start], field, place, start, read=read))
        pieces.append(Segment(text[start:end], field, start, end, score))
        place = end
    if place < len(text):
        pieces.append(Segment(text[place:], field, place, len(text), read=not text[place:].strip()))
    return pieces


def ranked(explanation: Explanation, row: int = 0) -> list[Segment]:
    """All pieces that have a score, strongest first."""
    fields = explanation.shown
    pieces = [piece for field in fields for piece in segments(explanation, field, row) if scored(piece)]
    return sorted(pieces, key=lambda piece: -abs(piece.score or 0.0))


def spreads(explanation: Explanation, row: int = 0) -> dict[tuple[str, int], float]:
    """How far other random draws would move each piece, by its field and start; empty where nothing was drawn."""
    if explanation.spread is None:
        return {}
    pieces = ranked(replace(explanation, scores=explanation.spread), row)
    return {(piece.field, piece.start): piece.score or 0.0 for piece in pieces}


def scored(piece: Segment) -> bool:
    """Whether the piece has a score to show."""
    return piece.score is not None and math.isfinite(piece.score)


def special_share(explanation: Explanation, row: int = 0) -> dict[str, float]:
    """The share of all credit, 0 to 1, that sits on each special token: those have no place in the text."""
    scores = [0.0 if math.isnan(score) else abs(score) for score in explanation.scores[row].tolist()]
    total = sum(scores) or 1.0
    shares: dict[str, float] = {}
    for feature, score in zip(explanation.features, scores, strict=True):
        if _special(feature) and score / total >= 0.005:
            shares[feature.text] = shares.get(feature.text, 0.0) + score / total
    return shares


def _special(feature: Feature) -> bool:
    return feature.special or feature.start is None
