"""The agreement of explanations: a sentence, and a heatmap of all pairs."""

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
WELL, PARTLY = 0.7, 0.4  # correlations from which on two explanations agree well, or in part
FULL_OPACITY = 0.5  # opacity of a correlation of 1; the number on it keeps its contrast in either theme
Table = Sequence[Sequence[Agreement]]


def describe_agreement(names: Sequence[str], table: Table, features: str = "words") -> str:
    """Describe how well explanations agree; of several, which two agree most and which least. HTML."""
    pairs = [
        (value, names[i], names[j], table[i][j])
        for i in range(len(names))
        for j in range(i)
        if (value := table[i][j].correlation) is not None
    ]
    if not pairs:
        return "These explanations have too little in common to compare them."
    if len(names) == 2:
        return _describe_pair(pairs[0][3], features)
    best, worst = max(pairs, key=lambda pair: pair[0]), min(pairs, key=lambda pair: pair[0])
    if best[0] - worst[0] < 0.1:
        mean = math.fsum(value for value, *_ in pairs) / len(pairs)
        level = format_coefficient(mean)
        return f"All explanations {_name_agreement(mean, best[3])}: any two have a rank correlation of about {level}."
    return (
        f"{bold(best[2])} and {bold(best[1])} are most alike ({format_coefficient(best[0])}), {bold(worst[2])} and "
        f"{bold(worst[1])} least ({format_coefficient(worst[0])}); 1 is the same order, 0 is chance."
    )


def _describe_pair(agreement: Agreement, features: str) -> str:
    value = agreement.correlation or 0.0
    same = round((agreement.overlap or 0.0) * agreement.top)
    return (
        f"These two explanations {_name_agreement(value, agreement)}: the rank correlation of their scores for "
        f"{agreement.shared} {features} is {format_coefficient(value)}, and {same} of the {agreement.top} strongest "
        "are the same."
    )


def _name_agreement(value: float, agreement: Agreement) -> str:
    if value >= WELL:
        return "<strong>agree well</strong>"
    if value >= PARTLY:
        return "<strong>agree in part</strong>"
    if value <= -compute_chance_level(agreement):
        return "<strong>contradict each other</strong>"
    return "<strong>hardly agree</strong>"


def compute_chance_level(agreement: Agreement) -> float:
    """Return the absolute correlation that random rankings exceed in 5 % of cases."""
    return min(1.0, 1.96 / math.sqrt(max(agreement.shared - 1, 1)))


def format_coefficient(value: float) -> str:
    """Format a correlation with two decimals, and a sign only if it is negative."""
    return format_unsigned(round(value, 2))


def draw_heatmap(names: Sequence[str], table: Table, measure: Measure = "correlation") -> go.Figure:
    """Draw a heatmap with one cell per pair of explanations, with its number."""
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
    for i, row in enumerate(values):  # annotations have the page's text colour, the text of a heatmap has not
        for j, value in enumerate(row):
            text = "–" if value is None else _format_value(value, measure)
            figure.add_annotation(x=j, y=i, text=text, showarrow=False, font={"size": 14})
    places = list(range(len(names)))
    figure.update_xaxes(tickvals=places, ticktext=shown, tickangle=-30, showgrid=False, zeroline=False, automargin=True)
    figure.update_yaxes(
        tickvals=places, ticktext=shown, autorange="reversed", showgrid=False, zeroline=False, automargin=True
    )
    figure.update_layout(height=140 + 44 * len(names), margin=MARGIN, dragmode=False)
    return figure


def describe_heatmap(names: Sequence[str], table: Table, measure: Measure = "correlation") -> str:
    """Describe the heatmap in words."""
    pairs = [
        f"{shorten(names[i])} and {shorten(names[j])} {_format_value(value, measure)}"
        for i in range(len(names))
        for j in range(i)
        if (value := getattr(table[i][j], measure)) is not None
    ]
    what = "Rank correlation" if measure == "correlation" else "Share of the strongest words in common"
    return f"{what} of each pair: {'; '.join(pairs) or 'none is defined'}."


def _format_value(value: float, measure: Measure) -> str:
    return format_coefficient(value) if measure == "correlation" else format_share(value)
