"""The words with the largest scores as a bar chart."""

import plotly.graph_objects as go

from ...results.explanation import Explanation
from ..palette import AWAY, TOWARDS
from ..text.escape import escape_plain
from ..text.format import format_number, format_unsigned, shorten
from ..text.segments import Segment, rank_segments
from ..text.spans import name_direction, name_unit


def draw_bars(explanation: Explanation, row: int = 0, most: int = 15) -> go.Figure:
    """Draw one horizontal bar per word, strongest on top; equal words stay apart, since they are placed by number."""
    words = rank_segments(explanation, row)[:most]
    scores = [word.score or 0.0 for word in words]
    figure = go.Figure(
        go.Bar(
            x=scores,
            y=list(range(len(words))),
            orientation="h",
            marker_color=[TOWARDS["either"] if score >= 0 else AWAY["either"] for score in scores],
            text=[_format_score(explanation, word) for word in words],
            customdata=[escape_plain(shorten(word.text, 80)) for word in words],
            hovertemplate="%{customdata}: %{x:.4g}<extra></extra>",
        )
    )
    limit = max(map(abs, scores), default=1.0) * 1.2 or 1.0
    figure.update_yaxes(
        tickvals=list(range(len(words))),
        ticktext=[escape_plain(shorten(p.text, 24)) for p in words],
        autorange="reversed",
    )
    figure.update_xaxes(range=[-limit, limit], zeroline=True, title=escape_plain(_make_title(explanation, row)))
    margin = {"l": 8, "r": 8, "t": 8, "b": 40}
    figure.update_layout(height=80 + 28 * max(len(words), 3), margin=margin, showlegend=False)
    return figure


def _make_title(explanation: Explanation, row: int) -> str:
    title = f"{'Score towards' if explanation.signed else 'Score for'} {name_direction(explanation, row)}"
    return f"{title}, in {name_unit(explanation.unit)}" if explanation.additive else title


def describe_bars(explanation: Explanation, row: int = 0, most: int = 15) -> str:
    """Describe the figure in words."""
    bars = "; ".join(
        f"{shorten(word.text)} {_format_score(explanation, word)}" for word in rank_segments(explanation, row)[:most]
    )
    return f"Bars. {_make_title(explanation, row)}: {bars or 'no word has a score'}."


def _format_score(explanation: Explanation, word: Segment) -> str:
    return (format_number if explanation.signed else format_unsigned)(word.score or 0.0)
