"""How alike maps are, in a sentence and as a heatmap of pairs by Plotly."""

import math
from collections.abc import Sequence
from typing import Literal

import plotly.graph_objects as go

from ...results.agreement import Agreement
from ..html import bold
from ..palette import MARGIN, make_diverging_scale
from ..text.escape import escape_plain
from ..text.format import format_share, format_unsigned, shorten

Measure = Literal["correlation", "overlap"]
WELL, PARTLY = 0.7, 0.4  # correlations from which on two maps agree well, or in part
FULL_OPACITY = 0.5  # opacity of a correlation of 1: the number on it keeps its contrast in either theme
Table = Sequence[Sequence[Agreement]]


def describe_agreement(names: Sequence[str], table: Table) -> str:
    """How well the maps agree; of several, which two do most and which least."""
    pairs = [
        (value, names[i], names[j], table[i][j])
        for i in range(len(names))
        for j in range(i)
        if (value := table[i][j].correlation) is not None
    ]
    if not pairs:
        return "These maps have too little in common to say how well they agree."
    if len(names) == 2:
        return _describe_pair(pairs[0][3])
    best, worst = max(pairs, key=lambda pair: pair[0]), min(pairs, key=lambda pair: pair[0])
    if best[0] - worst[0] < 0.1:
        mean = math.fsum(value for value, *_ in pairs) / len(pairs)
        level = format_coefficient(mean)
        return f"All these maps {_name_agreement(mean, best[3])}: each two have a rank correlation of about {level}."
    return (
        f"{bold(best[2])} and {bold(best[1])} are most alike ({format_coefficient(best[0])}), {bold(worst[2])} and "
        f"{bold(worst[1])} least ({format_coefficient(worst[0])}); 1 is the same order of words, 0 an order by chance."
    )


def _describe_pair(found: Agreement) -> str:
    value = found.correlation or 0.0
    same = round((found.overlap or 0.0) * found.top)
    pieces = "pieces" if found.shared != 1 else "piece"
    return (
        f"These two maps {_name_agreement(value, found)}: over the {found.shared} {pieces} that both have, their rank "
        f"correlation is {format_coefficient(value)}, and {same} of the {found.top} strongest are the same."
    )


def _name_agreement(value: float, found: Agreement) -> str:
    if value >= WELL:
        return "<strong>agree well</strong>"
    if value >= PARTLY:
        return "<strong>agree in part</strong>"
    if value <= -compute_chance_level(found):
        return "<strong>contradict each other</strong>"
    return "<strong>hardly agree</strong>"


def compute_chance_level(found: Agreement) -> float:
    """How far from 0 a correlation by chance is at most, 19 times of 20."""
    return min(1.0, 1.96 / math.sqrt(max(found.shared - 1, 1)))


def format_coefficient(value: float) -> str:
    """A correlation with two decimals, and a sign only if it is negative."""
    return format_unsigned(round(value, 2))


def draw_heatmap(names: Sequence[str], table: Table, measure: Measure = "correlation") -> go.Figure:
    """A cell a pair of maps, with its number."""
    values = [[getattr(cell, measure) for cell in row] for row in table]
    shown = [escape_plain(shorten(name, 24)) for name in names]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            zmin=-1,
            zmid=0,
            zmax=1,
            colorscale=make_diverging_scale(FULL_OPACITY),
            showscale=False,
            xgap=2,
            ygap=2,
            customdata=[[(one, other) for other in shown] for one in shown],
            hovertemplate="%{customdata[0]} and %{customdata[1]}: %{z:.2f}<extra></extra>",
        )
    )
    for i, row in enumerate(values):  # as notes, which have the page's own colour; a heatmap's text has one of its own
        for j, value in enumerate(row):
            said = "–" if value is None else _format_value(value, measure)
            figure.add_annotation(x=j, y=i, text=said, showarrow=False, font={"size": 14})
    places = list(range(len(names)))
    figure.update_xaxes(tickvals=places, ticktext=shown, tickangle=-30, showgrid=False, zeroline=False, automargin=True)
    figure.update_yaxes(
        tickvals=places, ticktext=shown, autorange="reversed", showgrid=False, zeroline=False, automargin=True
    )
    figure.update_layout(height=140 + 44 * len(names), margin=MARGIN, dragmode=False)
    return figure


def describe_heatmap(names: Sequence[str], table: Table, measure: Measure = "correlation") -> str:
    """The heatmap in words."""
    said = [
        f"{shorten(names[i])} and {shorten(names[j])} {_format_value(value, measure)}"
        for i in range(len(names))
        for j in range(i)
        if (value := getattr(table[i][j], measure)) is not None
    ]
    what = "Rank correlation" if measure == "correlation" else "Share of the strongest pieces in common"
    return f"{what} of each two maps: {'; '.join(said) or 'none is defined'}."


def _format_value(value: float, measure: Measure) -> str:
    return format_coefficient(value) if measure == "correlation" else format_share(value)
