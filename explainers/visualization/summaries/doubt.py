"""Whether an explanation is only a sketch: it did not converge, leaves much unexplained, or does not beat chance."""

import numpy as np
from numpy.typing import NDArray

from ...results.explanation import Explanation
from ...results.faithfulness import Faithfulness
from ..text.format import format_share

MAX_UNEXPLAINED = 0.05  # share of the change; above it an explanation is called a sketch
CONVERGENCE = {None: "fixed steps", True: "converged", False: "not converged"}
CHANCE = {
    "beats chance": "beats chance",
    "worse than chance": "does worse than chance",
    "cannot be told from chance": "cannot be distinguished from chance",
}


def name_convergence(explanation: Explanation, row: int) -> str:
    """Return whether the explanation of a target converged, in words."""
    return CONVERGENCE[None if explanation.converged is None else explanation.converged[row]]


def find_doubtful(explanation: Explanation) -> NDArray[np.bool_]:
    """Return which targets, (T,), did not converge or leave more than MAX_UNEXPLAINED of the change unexplained."""
    doubtful = np.zeros(len(explanation.targets), bool)
    if explanation.converged is not None:
        doubtful |= ~np.array(explanation.converged, bool)
    if (error := explanation.relative_error) is not None:
        doubtful |= error > MAX_UNEXPLAINED
    return doubtful


def describe_doubt(explanation: Explanation, row: int, checked: Faithfulness | None = None) -> str:
    """Describe why the explanation of a target is only a sketch, as HTML; empty if there is no reason for doubt."""
    error, reasons = explanation.relative_error, []
    if name_convergence(explanation, row) == CONVERGENCE[False]:
        reasons.append("it did not converge")
    elif error is not None and error[row] > MAX_UNEXPLAINED:
        reasons.append(f"{format_share(float(error[row]))} of the change is unexplained")
    if checked and checked.verdict in CHANCE and checked.verdict != "beats chance":
        reasons.append(f"it {CHANCE[checked.verdict]}")
    return f"<em>This explanation is only a sketch: {', and '.join(reasons)}.</em>" if reasons else ""


def describe_doubts(explanation: Explanation) -> str:
    """Describe how many targets of a generation have only a sketch, as HTML; empty if none has."""
    count = len(explanation.targets)
    if count == 1:
        return describe_doubt(explanation, 0)
    doubtful = int(find_doubtful(explanation).sum())
    reason = f"they did not converge, or leave more than {format_share(MAX_UNEXPLAINED)} of the change unexplained"
    return f"<em>{doubtful} of {count} explanations are only sketches: {reason}.</em>" if doubtful else ""
