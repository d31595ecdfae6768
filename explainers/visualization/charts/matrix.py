"""All targets at once: a heatmap of targets × pieces of the text, by Plotly."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from ...results.explanation import Explanation
from ..palette import MARGIN, make_diverging_scale
from ..text.escape import escape_plain
from ..text.format import format_number, name_target, shorten
from ..text.segments import Segment, has_score, split_segments
from ..text.spans import name_unit

WIDEST = 60  # pieces that a screen can hold; the strongest stay
SCALE = make_diverging_scale(1)


def draw_target_matrix(explanation: Explanation, rows: Sequence[int]) -> go.Figure:
    """A row a target, a column a piece in reading order; white is 0, one symmetric limit for all."""
    table = [_list_segments(explanation, row) for row in rows]
    places = _find_strongest(table)
    scores = [[_get_score(pieces[place]) for place in places] for pieces in table]
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
    """The figure in words: the strongest piece of each target."""
    said = []
    for row in rows:
        best = max(filter(has_score, _list_segments(explanation, row)), key=lambda p: abs(p.score or 0.0), default=None)
        if best:
            said.append(
                f"{name_target(explanation.targets[row])}: {shorten(best.text)} {format_number(best.score or 0.0)}"
            )
    return f"Heatmap of {len(rows)} rows. Strongest in each: {'; '.join(said) or 'none'}."


def _list_segments(explanation: Explanation, row: int) -> list[Segment]:
    """The pieces that features cover, in reading order: the same for every row."""
    return [
        piece
        for field in explanation.source_texts
        for piece in split_segments(explanation, field, row)
        if piece.score is not None and piece.text.strip()
    ]


def _find_strongest(table: Sequence[Sequence[Segment]]) -> list[int]:
    """The columns that are shown, in reading order."""
    if not table:
        return []
    strength = [max(abs(_get_score(pieces[i]) or 0.0) for pieces in table) for i in range(len(table[0]))]
    return sorted(sorted(range(len(strength)), key=lambda i: -strength[i])[:WIDEST])


def _get_score(piece: Segment) -> float | None:
    """A piece's score; None, which Plotly leaves blank, where the target cannot see it."""
    return None if piece.score is None or math.isnan(piece.score) else piece.score
