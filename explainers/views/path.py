"""The way of an attack as a line, by Plotly: how sure the model is after every step."""

import plotly.graph_objects as go

from ..edits import Attack
from ..registry import ATTACKS
from .attack import changes, subject
from .palette import MARGIN, TOWARDS
from .text import likelihood, plain, short


def path(attack: Attack) -> go.Figure:
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
                [plain(short(changes(s) or "the text as it was", 60)), plain(short(s.says, 40))] for s in steps
            ],
            hovertemplate="%{customdata[0]}<br>says %{customdata[1]}: %{y:.2%}<extra></extra>",
        )
    )
    done = "dropped" if ATTACKS[attack.key].keeps else "changed"
    figure.update_xaxes(title=f"words {done}, step by step", tickformat="d", tickangle=0, dtick=_every(len(steps)))
    figure.update_yaxes(title=plain(f"probability of {short(subject(attack), 30)}"), range=[0, 1.02], tickformat=".0%")
    return figure.update_layout(height=260, margin=MARGIN, showlegend=False)


def _every(steps: int) -> int:
    """How many steps lie between two marks of the axis."""
    return max(1, steps // 5)


def alt(attack: Attack) -> str:
    """The figure in words."""
    told = "; ".join(f"{short(changes(s), 40) or 'at first'}: {likelihood(s.probability)}" for s in attack.trajectory)
    return f"Line. Probability of {short(subject(attack), 30)} after every step. {told}."
