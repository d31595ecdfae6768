"""The curves of a checked map, by Plotly: how far the number falls, piece by piece, beside random rankings."""

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
TAKEN = {"comprehensiveness": "taken away", "sufficiency": "kept, and nothing else"}


@dataclass(frozen=True, eq=False)
class Curve:
    """One of the curves from its beginning at no piece on: of the map, and of random rankings, (1 + K,) each."""

    shares: Numbers
    own: Numbers
    mean: Numbers
    low: Numbers
    high: Numbers

    @classmethod
    def of(cls, faithfulness: Faithfulness, which: Which) -> "Curve":
        """The lines of `which` curve; with no piece taken away nothing falls, with none kept everything does."""
        own, random = (getattr(curves, which) for curves in (faithfulness.curves, faithfulness.random))
        first = 0.0 if which == "comprehensiveness" else faithfulness.value - faithfulness.blank
        low, high = np.percentile(random, BAND, axis=0)
        rows = (own, random.mean(0), low, high)
        return cls(np.append(0, faithfulness.fractions), *(np.append(first, row) for row in rows))


def draw_curve(faithfulness: Faithfulness, which: Which) -> go.Figure:
    """The fall of the number over the share of pieces; a grey band where 95 % of random rankings lie."""
    lines, band = Curve.of(faithfulness, which), {"fill": "tonexty", "fillcolor": to_rgba(GREY, 0.3)}
    figure = go.Figure(
        [
            _draw_edge(lines.shares, lines.high, "", {}),
            _draw_edge(lines.shares, lines.low, "95 % of random rankings", band),
            _draw_line(lines.shares, lines.mean, "random, mean", {"color": GREY, "dash": "dot", "width": 2}),
            _draw_line(lines.shares, lines.own, "this map", {"color": TOWARDS["either"], "width": 3}),
        ]
    )
    figure.update_xaxes(title=f"{faithfulness.piece}s {TAKEN[which]}", tickformat=".0%", dtick=0.2, range=[-0.03, 1.03])
    figure.update_yaxes(title=escape_plain(f"fall, in {name_unit(faithfulness.unit)}"), zeroline=True)
    legend = {"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0.0}
    margin = {"l": 8, "r": 24, "t": 8, "b": 8}
    return figure.update_layout(height=320, margin=margin, legend=legend, hovermode="x unified")


def _draw_line(shares: Numbers, falls: Numbers, name: str, line: dict[str, object]) -> go.Scatter:
    shown = "%{y:.4g}"
    return go.Scatter(
        x=shares.tolist(), y=falls.tolist(), name=name, line=line, mode="lines+markers", hovertemplate=shown
    )


def _draw_edge(shares: Numbers, falls: Numbers, name: str, fill: dict[str, str]) -> go.Scatter:
    """One edge of the band, which has no line of its own."""
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
    """The figure in words."""
    lines = Curve.of(faithfulness, which)
    middle = len(lines.shares) // 2
    said = "; ".join(
        f"at {format_share(float(lines.shares[at]))} the map {format_number(float(lines.own[at]))}, random rankings "
        f"{format_number(float(lines.low[at]))} to {format_number(float(lines.high[at]))}"
        for at in dict.fromkeys((1, middle, len(lines.shares) - 1))
    )
    return f"Lines. Fall of the number by the share of {faithfulness.piece}s {TAKEN[which]}: {said}."
