"""The sanity check in a sentence and as a falling line by Plotly: what is left of a map as the model forgets."""

from collections.abc import Sequence

import plotly.graph_objects as go

from ...results.agreement import RandomizationStep
from ..palette import AWAY, MARGIN, TOWARDS
from ..text.escape import escape_plain
from .agreement import WELL, compute_chance_level, format_coefficient

MIN_WORDS = 6  # pieces: of fewer, two maps that have nothing to do with each other look alike too often


def describe_randomization(steps: Sequence[RandomizationStep]) -> str:
    """What the last map, of a model that has forgotten all, says about the first, as plain text."""
    last = steps[-1].agreement
    if last.strength is None or last.shared < MIN_WORDS:
        return "There are too few words to tell a map of this model from a map of a random one. Try a longer text."
    left = (
        f"With all weights random, the strengths correlate with the original's by {format_coefficient(last.strength)}"
    )
    if last.strength >= WELL:
        return f"{left}: the map hardly depends on what the model has learnt. Take it as a picture of its input alone."
    if last.strength > compute_chance_level(last):
        return f"{left}: a part of the map stays the same whatever the model has learnt."
    return f"{left}, no more than by chance: the map depends on what the model has learnt."


def draw_decline(steps: Sequence[RandomizationStep]) -> go.Figure:
    """Both correlations after each step, the first with nothing random."""
    places = list(range(len(steps) + 1))
    names = ["nothing", *(escape_plain(step.layer) for step in steps)]
    figure = go.Figure()
    band = compute_chance_level(steps[-1].agreement)
    figure.add_hrect(-band, band, fillcolor="rgba(128, 128, 128, 0.18)", line_width=0, layer="below")
    for name, colour, dash, values in (
        ("strengths", TOWARDS["either"], "solid", [step.agreement.strength for step in steps]),
        ("scores with their signs", AWAY["either"], "dash", [step.agreement.signed for step in steps]),
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
    """The end of a layer's name, which is what tells it from the others."""
    return name if len(name) <= 18 else f"…{name[-17:]}"


def describe_decline(steps: Sequence[RandomizationStep]) -> str:
    """The line in words."""
    said = "; ".join(
        f"{step.layer} {format_coefficient(step.agreement.strength)}"
        for step in steps
        if step.agreement.strength is not None
    )
    return f"Rank correlation of strengths with the original, random from the head down to: {said or 'undefined'}."
