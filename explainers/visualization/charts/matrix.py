"""A heatmap of all targets by all words."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from ...results.explanation import Explanation
from ..palette import MARGIN, make_diverging_scale
from ..text.escape import escape_plain
from ..text.format import format_number, name_target, shorten
from ..text.segments import Segment, has_score, split_segments
from ..text.spans import name_unit

WIDEST = 60  # words on a screen; the strongest stay
SCALE = make_diverging_scale(1)


def draw_target_matrix(explanation: Explanation, rows: Sequence[int]) -> go.Figure:
    """Draw a row per target and a column per word in reading order, on one symmetric colour scale."""
    table = [_list_segments(explanation, row) for row in rows]
    places = _find_strongest(table)
    scores = [[_get_score(segments[place]) for place in places] for segments in table]
    limit = max((abs(score) for line in scores for score in line if score is not None), default=0.0) or 1.0
    names = [escape_plain(shorten(name_target(explanation.targets[row]), 30)) for row in rows]
    words = [escape_plain(shorten(table[0][place].text, 24)) for place in places] if table else []
    figure = go.Figure(
        go.Heatmap(
            z=scores,
            zmid=0,
            zmin=-limit,
            zmax=limit,
            colorscale=SCALE,
            xgap=1,
            ygap=1,
            customdata=[[(name, word) for word in words] for name in names],
            hovertemplate="%{customdata[1]} for %{customdata[0]}: %{z:.4g}<extra></extra>",
            colorbar={"title": {"text": escape_plain(name_unit(explanation.unit)), "side": "right"}, "thickness": 12},
        )
    )
    figure.update_xaxes(
        tickvals=list(range(len(words))), ticktext=words, tickangle=-60, side="top", automargin=True, showgrid=False
    )
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, autorange="reversed", automargin=True, showgrid=False
    )
    figure.update_layout(height=160 + 28 * max(len(names), 2), margin=MARGIN)
    return figure


def describe_target_matrix(explanation: Explanation, rows: Sequence[int]) -> str:
    """Describe the figure in words: the strongest word of each target."""
    best_words = []
    for row in rows:
        best = max(filter(has_score, _list_segments(explanation, row)), key=lambda p: abs(p.score or 0.0), default=None)
        if best:
            best_words.append(
                f"{name_target(explanation.targets[row])}: {shorten(best.text)} {format_number(best.score or 0.0)}"
            )
    return f"Heatmap of {len(rows)} rows. Strongest in each: {'; '.join(best_words) or 'none'}."


def _list_segments(explanation: Explanation, row: int) -> list[Segment]:
    """List the segments that features cover, in reading order: the same for every row."""
    return [
        segment
        for field in explanation.source_texts
        for segment in split_segments(explanation, field, row)
        if segment.score is not None and segment.text.strip()
    ]


def _find_strongest(table: Sequence[Sequence[Segment]]) -> list[int]:
    """Return the columns with the largest scores, in reading order."""
    if not table:
        return []
    strength = [max(abs(_get_score(segments[i]) or 0.0) for segments in table) for i in range(len(table[0]))]
    return sorted(sorted(range(len(strength)), key=lambda i: -strength[i])[:WIDEST])


def _get_score(segment: Segment) -> float | None:
    """Return a segment's score; None, which Plotly leaves blank, if it is not visible to the target."""
    return None if segment.score is None or math.isnan(segment.score) else segment.score
