"""Attention heads as heatmaps: the attention of every head to one token, or of one layer to every token."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from ...results.explanation import Feature
from ..palette import MARGIN
from ..text.escape import escape_plain, show_controls
from ..text.format import format_share, shorten
from .generation_matrix import GREYS, round_scores

ROW_HEIGHT = 22  # pixels of a row
Weights = NDArray[np.float32]


def draw_token(weights: Weights, text: str) -> go.Figure:
    """Draw the attention of every head, (L, H), to one token: a row per layer, a column per head."""
    layers, heads = weights.shape
    figure = go.Figure(
        go.Heatmap(
            z=round_scores(weights),
            x=[f"head {i + 1}" for i in range(heads)],
            y=[f"layer {i + 1}" for i in range(layers)],
            zmin=0,
            zmax=float(weights.max(initial=0.0)) or 1.0,
            colorscale=GREYS,
            xgap=1,
            ygap=1,
            hovertemplate="%{y}, %{x}: %{z:.1%} on "
            + escape_plain(shorten(show_controls(text), 24))
            + "<extra></extra>",
            colorbar={"tickformat": ".0%", "thickness": 12},
        )
    )
    return _lay_out(figure, layers)


def draw_layer(weights: Weights, features: Sequence[Feature], of: str) -> go.Figure:
    """Draw the attention of each head of a layer, or the mean of each layer, (N, F), to every token: a row each."""
    figure = go.Figure(
        go.Heatmap(
            z=round_scores(weights),
            x=[f"{i + 1} {escape_plain(shorten(show_controls(f.text), 24) or '␣')}" for i, f in enumerate(features)],
            y=[f"{of} {i + 1}" for i in range(len(weights))],
            zmin=0,
            zmax=float(weights.max(initial=0.0)) or 1.0,
            colorscale=GREYS,
            ygap=1,
            hovertemplate="%{y}: %{z:.1%} on %{x}<extra></extra>",
            colorbar={"tickformat": ".0%", "thickness": 12},
        )
    )
    figure.update_xaxes(tickangle=-60, type="category")
    return _lay_out(figure, len(weights))


def _lay_out(figure: go.Figure, rows: int) -> go.Figure:
    figure.update_xaxes(automargin=True, showgrid=False)
    figure.update_yaxes(automargin=True, showgrid=False, autorange="reversed", type="category")
    figure.update_layout(height=110 + ROW_HEIGHT * max(rows, 4), margin=MARGIN)
    return figure


def describe_figure(weights: Weights, names: tuple[str, str], columns: Sequence[str]) -> str:
    """Describe a figure in words: the strongest cell of each of its first ten rows."""
    best = [int(row.argmax()) for row in weights[:10]]
    cells = "; ".join(
        f"{names[0]} {i + 1}: {names[1]} {shorten(columns[place])} {format_share(float(weights[i, place]))}"
        for i, place in enumerate(best)
    )
    return f"Heatmap of {weights.shape[0]} by {weights.shape[1]}. Strongest in each row: {cells}."
