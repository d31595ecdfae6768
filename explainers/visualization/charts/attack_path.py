"""The steps of an attack as a line chart of the probability after each."""

import plotly.graph_objects as go

from ...registry import ATTACKS
from ...results.attack import Attack
from ..palette import MARGIN, TOWARDS
from ..summaries.attack import list_changes, name_subject
from ..text.escape import escape_plain
from ..text.format import format_probability, shorten


def draw_path(attack: Attack) -> go.Figure:
    """Draw the probability of the attacked label, or of the wanted one, from the original text to the last step."""
    steps = attack.trajectory
    figure = go.Figure(
        go.Scatter(
            x=list(range(len(steps))),
            y=[step.probability for step in steps],
            mode="lines+markers",
            cliponaxis=False,
            line={"color": TOWARDS["either"], "width": 3},
            customdata=[
                [escape_plain(shorten(list_changes(s) or "original text", 60)), escape_plain(shorten(s.label, 40))]
                for s in steps
            ],
            hovertemplate="%{customdata[0]}<br>predicts %{customdata[1]}: %{y:.2%}<extra></extra>",
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
    """Return the number of steps between two ticks."""
    return max(1, steps // 5)


def describe_path(attack: Attack) -> str:
    """Describe the figure in words."""
    listed = "; ".join(
        f"{shorten(list_changes(s), 40) or 'original text'}: {format_probability(s.probability)}"
        for s in attack.trajectory
    )
    return f"Line. Probability of {shorten(name_subject(attack), 30)} after every step. {listed}."
