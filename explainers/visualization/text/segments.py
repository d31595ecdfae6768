"""A text cut into segments, each with its score: words or tokens, never half a grapheme, and the text between them."""

import math
from dataclasses import dataclass, replace
from functools import reduce

from ...results.explanation import Explanation, Feature
from ...results.granularity import widen_to_characters


@dataclass(frozen=True)
class Segment:
    """A part of an input's text with its score: None if no feature covers it, NaN if not visible to the target.

    `read` is False for text that was truncated.
    """

    text: str
    field: str
    start: int
    end: int
    score: float | None = None
    read: bool = True


def split_segments(explanation: Explanation, field: str, row: int = 0) -> list[Segment]:
    """Split the whole text of an input into the segments of its features and what lies between them."""
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
    """Add the scores of empty spans, which are tokens of trailing whitespace, to a neighbour."""
    merged: list[tuple[int, int, float]] = []
    for start, end, score in spans:
        if merged and (start == end or merged[-1][0] == merged[-1][1]):
            first, last, before = merged.pop()
            start, end = (first, last) if start == end else (start, end)
            score = _add_visible(before, score)
        merged.append((start, end, score))
    return [span for span in merged if span[1] > span[0]]


def _add_visible(one: float, other: float) -> float:
    """Add two scores, leaving out NaN."""
    return other if math.isnan(one) else one if math.isnan(other) else one + other


def _fill_gaps(text: str, field: str, merged: list[tuple[int, int, float]]) -> list[Segment]:
    segments, place = [], 0
    for start, end, score in merged:
        if start > place:
            read = place > 0 or not text[:start].strip()
            segments.append(Segment(text[place:start], field, place, start, read=read))
        segments.append(Segment(text[start:end], field, start, end, score))
        place = end
    if place < len(text):
        segments.append(Segment(text[place:], field, place, len(text), read=not text[place:].strip()))
    return segments


def rank_segments(explanation: Explanation, row: int = 0) -> list[Segment]:
    """List all segments that have a score, strongest first."""
    fields = explanation.source_texts
    segments = [
        segment for field in fields for segment in split_segments(explanation, field, row) if has_score(segment)
    ]
    return sorted(segments, key=lambda segment: -abs(segment.score or 0.0))


def collect_spreads(explanation: Explanation, row: int = 0) -> dict[tuple[str, int], float]:
    """Return the standard error of each segment by its field and start; empty if nothing was sampled."""
    if explanation.spread is None:
        return {}
    segments = rank_segments(replace(explanation, scores=explanation.spread), row)
    return {(segment.field, segment.start): segment.score or 0.0 for segment in segments}


def has_score(segment: Segment) -> bool:
    """Return whether the segment has a finite score."""
    return segment.score is not None and math.isfinite(segment.score)


def measure_special_share(explanation: Explanation, row: int = 0) -> dict[str, float]:
    """Return each special token's share, 0 to 1, of all absolute scores; these tokens have no place in the text."""
    scores = [0.0 if math.isnan(score) else abs(score) for score in explanation.scores[row].tolist()]
    total = sum(scores) or 1.0
    shares: dict[str, float] = {}
    for feature, score in zip(explanation.features, scores, strict=True):
        if _is_special(feature) and score / total >= 0.005:
            shares[feature.text] = shares.get(feature.text, 0.0) + score / total
    return shares


def _is_special(feature: Feature) -> bool:
    return feature.special or feature.start is None
