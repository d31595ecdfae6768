"""The perturbation curves of a faithfulness test, beside those of random rankings."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from ...results.faithfulness import BAND, Faithfulness, Numbers
from ..palette import TOWARDS, to_rgba
from ..text.escape import escape_plain
from ..text.format import format_number, format_share
from ..text.spans import name_unit

Which = Literal["comprehensiveness", "sufficiency"]
GREY = "#808080"
TAKEN = {"comprehensiveness": "removed", "sufficiency": "kept"}


@dataclass(frozen=True, eq=False)
class Curve:
    """One curve of the explanation, and mean, low and high of random rankings, from 0 % on: (1 + K,) each."""

    shares: Numbers
    own: Numbers
    mean: Numbers
    low: Numbers
    high: Numbers

    @classmethod
    def of(cls, faithfulness: Faithfulness, which: Which) -> "Curve":
        """Make one curve; at 0 %, nothing is removed (comprehensiveness) or nothing is kept (sufficiency)."""
        own, random = (getattr(curves, which) for curves in (faithfulness.curves, faithfulness.random))
        first = 0.0 if which == "comprehensiveness" else faithfulness.value - faithfulness.blank
        low, high = np.percentile(random, BAND, axis=0)
        rows = (own, random.mean(0), low, high)
        return cls(np.append(0, faithfulness.fractions), *(np.append(first, row) for row in rows))


def draw_curve(faithfulness: Faithfulness, which: Which) -> go.Figure:
    """Draw the fall of the score over the share of features; a grey band holds 95 % of random rankings."""
    lines, band = Curve.of(faithfulness, which), {"fill": "tonexty", "fillcolor": to_rgba(GREY, 0.3)}
    figure = go.Figure(
        [
            _draw_edge(lines.shares, lines.high, "", {}),
            _draw_edge(lines.shares, lines.low, "95 % of random rankings", band),
            _draw_line(lines.shares, lines.mean, "mean of random rankings", {"color": GREY, "dash": "dot", "width": 2}),
            _draw_line(lines.shares, lines.own, "this explanation", {"color": TOWARDS["either"], "width": 3}),
        ]
    )
    figure.update_xaxes(title=f"{faithfulness.piece}s {TAKEN[which]}", tickformat=".0%", dtick=0.2, range=[-0.03, 1.03])
    figure.update_yaxes(title=escape_plain(f"fall, in {name_unit(faithfulness.unit)}"), zeroline=True)
    legend = {"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0.0}
    margin = {"l": 8, "r": 24, "t": 8, "b": 8}
    return figure.update_layout(height=320, margin=margin, legend=legend, hovermode="x unified")


def _draw_line(shares: Numbers, falls: Numbers, name: str, line: dict[str, object]) -> go.Scatter:
    return go.Scatter(
        x=shares.tolist(), y=falls.tolist(), name=name, line=line, mode="lines+markers", hovertemplate="%{y:.4g}"
    )


def _draw_edge(shares: Numbers, falls: Numbers, name: str, fill: dict[str, str]) -> go.Scatter:
    """Draw one edge of the band, without a line."""
    return go.Scatter(
        x=shares.tolist(),
        y=falls.tolist(),
        name=name,
        showlegend=bool(name),
        mode="lines",
        line={"width": 0, "color": GREY},
        hoverinfo="skip",
        **fill,
    )


def describe_curve(faithfulness: Faithfulness, which: Which) -> str:
    """Describe the figure in words."""
    lines = Curve.of(faithfulness, which)
    middle = len(lines.shares) // 2
    points = "; ".join(
        f"at {format_share(float(lines.shares[at]))} this explanation {format_number(float(lines.own[at]))}, "
        f"random rankings {format_number(float(lines.low[at]))} to {format_number(float(lines.high[at]))}"
        for at in dict.fromkeys((1, middle, len(lines.shares) - 1))
    )
    return f"Lines. Fall of the explained number by the share of {faithfulness.piece}s {TAKEN[which]}: {points}."
