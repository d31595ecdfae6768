"""The pieces of a text as people see them, each with its score: words or tokens, never half a grapheme.

What the model did not read is a piece too.
"""

import math
from dataclasses import dataclass, replace
from functools import reduce

from ...results.explanation import Explanation, Feature
from ...results.granularity import widen_to_characters


@dataclass(frozen=True)
class Segment:
    """A piece of one input's text with its score; `score` is None for what no feature covers, NaN if not visible."""

    text: str
    field: str
    start: int
    end: int
    score: float | None = None
    read: bool = True


def split_segments(explanation: Explanation, field: str, row: int = 0) -> list[Segment]:
    """The whole text of an input in order, features' pieces and what lies between them; nothing is lost."""
    text = explanation.source_texts[field]
    placed = [
        (feature.start, feature.end, score)
        for feature, score in zip(explanation.features, explanation.scores[row].tolist(), strict=True)
        if feature.field == field and feature.start is not None and feature.end is not None
    ]
    spans = widen_to_characters([(start, end) for start, end, _ in placed], text)
    return _fill_gaps(
        text,
        field,
        _merge_empty_spans(
            [(span[0], span[1], reduce(_add_visible, (placed[i][2] for i in own))) for *span, own in spans]
        ),
    )


def _merge_empty_spans(spans: list[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    """Empty spans, which are tokens of space with nothing behind them, give their scores to a neighbour."""
    housed: list[tuple[int, int, float]] = []
    for start, end, score in spans:
        if housed and (start == end or housed[-1][0] == housed[-1][1]):
            first, last, before = housed.pop()
            start, end = (first, last) if start == end else (start, end)
            score = _add_visible(before, score)
        housed.append((start, end, score))
    return [span for span in housed if span[1] > span[0]]


def _add_visible(one: float, other: float) -> float:
    """The sum of the scores that are visible."""
    return other if math.isnan(one) else one if math.isnan(other) else one + other


def _fill_gaps(text: str, field: str, merged: list[tuple[int, int, float]]) -> list[Segment]:
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


def rank_segments(explanation: Explanation, row: int = 0) -> list[Segment]:
    """All pieces that have a score, strongest first."""
    fields = explanation.source_texts
    pieces = [piece for field in fields for piece in split_segments(explanation, field, row) if has_score(piece)]
    return sorted(pieces, key=lambda piece: -abs(piece.score or 0.0))


def collect_spreads(explanation: Explanation, row: int = 0) -> dict[tuple[str, int], float]:
    """How far other random draws would move each piece, by its field and start; empty where nothing was drawn."""
    if explanation.spread is None:
        return {}
    pieces = rank_segments(replace(explanation, scores=explanation.spread), row)
    return {(piece.field, piece.start): piece.score or 0.0 for piece in pieces}


def has_score(piece: Segment) -> bool:
    """Whether the piece has a score to show."""
    return piece.score is not None and math.isfinite(piece.score)


def measure_special_share(explanation: Explanation, row: int = 0) -> dict[str, float]:
    """The share of all credit, 0 to 1, that sits on each special token: those have no place in the text."""
    scores = [0.0 if math.isnan(score) else abs(score) for score in explanation.scores[row].tolist()]
    total = sum(scores) or 1.0
    shares: dict[str, float] = {}
    for feature, score in zip(explanation.features, scores, strict=True):
        if _is_special(feature) and score / total >= 0.005:
            shares[feature.text] = shares.get(feature.text, 0.0) + score / total
    return shares


def _is_special(feature: Feature) -> bool:
    return feature.special or feature.start is None
