"""The way of an attack as a line, by Plotly: how sure the model is after every step."""

import plotly.graph_objects as go

from ...registry import ATTACKS
from ...results.attack import Attack
from ..palette import MARGIN, TOWARDS
from ..summaries.attack import list_changes, name_subject
from ..text.escape import escape_plain
from ..text.format import format_probability, shorten


def draw_path(attack: Attack) -> go.Figure:
    """The probability of what is attacked, or of what is wanted, from the text as it was to the last step."""
    steps = attack.trajectory
    figure = go.Figure(
        go.Scatter(
            x=list(range(len(steps))),
            y=[step.probability for step in steps],
            mode="lines+markers",
            cliponaxis=False,
            line={"color": TOWARDS["either"], "width": 3},
            customdata=[
                [escape_plain(shorten(list_changes(s) or "the text as it was", 60)), escape_plain(shorten(s.label, 40))]
                for s in steps
            ],
            hovertemplate="%{customdata[0]}<br>says %{customdata[1]}: %{y:.2%}<extra></extra>",
        )
    )
    done = "dropped" if ATTACKS[attack.key].keeps else "changed"
    figure.update_xaxes(
        title=f"words {done}, step by step", tickformat="d", tickangle=0, dtick=_choose_tick(len(steps))
    )
    figure.update_yaxes(
        title=escape_plain(f"probability of {shorten(name_subject(attack), 30)}"), range=[0, 1.02], tickformat=".0%"
    )
    return figure.update_layout(height=260, margin=MARGIN, showlegend=False)


def _choose_tick(steps: int) -> int:
    """How many steps lie between two marks of the axis."""
    return max(1, steps // 5)


def describe_path(attack: Attack) -> str:
    """The figure in words."""
    told = "; ".join(
        f"{shorten(list_changes(s), 40) or 'at first'}: {format_probability(s.probability)}" for s in attack.trajectory
    )
    return f"Line. Probability of {shorten(name_subject(attack), 30)} after every step. {told}."
