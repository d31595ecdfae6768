"""The model randomisation test: a sentence, and a line chart of the similarity to the original explanation."""

from collections.abc import Sequence

import plotly.graph_objects as go

from ...results.agreement import RandomizationStep
from ..palette import AWAY, MARGIN, TOWARDS
from ..text.escape import escape_plain
from .agreement import WELL, compute_chance_level, format_coefficient

MIN_WORDS = 6  # with fewer, unrelated explanations correlate too often


def describe_randomization(steps: Sequence[RandomizationStep]) -> str:
    """Describe how similar the explanation of the fully randomised model is to the original, as plain text."""
    last = steps[-1].agreement
    if last.strength is None or last.shared < MIN_WORDS:
        return "There are too few words to compare this explanation with that of a random model. Try a longer text."
    correlation = format_coefficient(last.strength)
    result = f"With all weights random, the absolute scores correlate with the original ones by {correlation}"
    if last.strength >= WELL:
        return f"{result}: the explanation hardly depends on what the model has learnt."
    if last.strength > compute_chance_level(last):
        return f"{result}: a part of the explanation does not depend on what the model has learnt."
    return f"{result}, no more than by chance: the explanation depends on what the model has learnt."


def draw_decline(steps: Sequence[RandomizationStep]) -> go.Figure:
    """Draw both correlations after each step; the first point is the original model."""
    places = list(range(len(steps) + 1))
    names = ["nothing", *(escape_plain(step.layer) for step in steps)]
    figure = go.Figure()
    band = compute_chance_level(steps[-1].agreement)
    figure.add_hrect(-band, band, fillcolor="rgba(128, 128, 128, 0.18)", line_width=0, layer="below")
    for name, colour, dash, values in (
        ("absolute scores", TOWARDS["either"], "solid", [step.agreement.strength for step in steps]),
        ("signed scores", AWAY["either"], "dash", [step.agreement.signed for step in steps]),
    ):
        if any(value is not None for value in values):
            figure.add_trace(
                go.Scatter(
                    x=places,
                    y=[1.0, *values],
                    name=name,
                    mode="lines+markers",
                    line={"color": colour, "dash": dash, "width": 2.5},
                    customdata=names,
                    hovertemplate="random down to %{customdata}: %{y:.2f}<extra></extra>",
                )
            )
    figure.update_xaxes(
        tickvals=places,
        ticktext=[_shorten_layer(name) for name in names],
        tickangle=-40,
        automargin=True,
        showgrid=False,
    )
    figure.update_yaxes(range=[-1.05, 1.05], title="Rank correlation", zeroline=True)
    legend = {"orientation": "h", "y": 1.15, "x": 0}
    return figure.update_layout(height=360, margin=MARGIN, legend=legend, dragmode=False)


def _shorten_layer(name: str) -> str:
    """Return the end of a layer's name, where names differ."""
    return name if len(name) <= 18 else f"…{name[-17:]}"


def describe_decline(steps: Sequence[RandomizationStep]) -> str:
    """Describe the chart in words."""
    points = "; ".join(
        f"{step.layer} {format_coefficient(step.agreement.strength)}"
        for step in steps
        if step.agreement.strength is not None
    )
    return (
        f"Rank correlation of absolute scores with the original, random from the head down to: {points or 'undefined'}."
    )
