"""The strongest pieces as bars, by Plotly."""

import plotly.graph_objects as go

from ...results.explanation import Explanation
from ..palette import AWAY, TOWARDS
from ..text.escape import escape_plain
from ..text.format import format_number, format_unsigned, shorten
from ..text.segments import Segment, rank_segments
from ..text.spans import name_direction, name_unit


def draw_bars(explanation: Explanation, row: int = 0, most: int = 15) -> go.Figure:
    """A horizontal bar a piece, strongest on top; equal words stay apart, being placed by number."""
    pieces = rank_segments(explanation, row)[:most]
    scores = [piece.score or 0.0 for piece in pieces]
    figure = go.Figure(
        go.Bar(
            x=scores,
            y=list(range(len(pieces))),
            orientation="h",
            marker_color=[TOWARDS["either"] if score >= 0 else AWAY["either"] for score in scores],
            text=[_format_score(explanation, piece) for piece in pieces],
            customdata=[escape_plain(shorten(piece.text, 80)) for piece in pieces],
            hovertemplate="%{customdata}: %{x:.4g}<extra></extra>",
        )
    )
    limit = max(map(abs, scores), default=1.0) * 1.2 or 1.0
    figure.update_yaxes(
        tickvals=list(range(len(pieces))),
        ticktext=[escape_plain(shorten(p.text, 24)) for p in pieces],
        autorange="reversed",
    )
    figure.update_xaxes(range=[-limit, limit], zeroline=True, title=escape_plain(_make_title(explanation, row)))
    margin = {"l": 8, "r": 8, "t": 8, "b": 40}
    figure.update_layout(height=80 + 28 * max(len(pieces), 3), margin=margin, showlegend=False)
    return figure


def _make_title(explanation: Explanation, row: int) -> str:
    what = f"{'Push towards' if explanation.signed else 'Weight for'} {name_direction(explanation, row)}"
    return f"{what}, in {name_unit(explanation.unit)}" if explanation.additive else what


def describe_bars(explanation: Explanation, row: int = 0, most: int = 15) -> str:
    """The figure in words."""
    said = "; ".join(
        f"{shorten(piece.text)} {_format_score(explanation, piece)}" for piece in rank_segments(explanation, row)[:most]
    )
    return f"Bars. {_make_title(explanation, row)}: {said or 'no piece has a score'}."


def _format_score(explanation: Explanation, piece: Segment) -> str:
    return (format_number if explanation.signed else format_unsigned)(piece.score or 0.0)
