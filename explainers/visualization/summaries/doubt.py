"""Whether to trust a map, in one sentence: it did not converge, leaves much unexplained, or does not beat chance."""

import numpy as np
from numpy.typing import NDArray

from ...results.explanation import Explanation
from ...results.faithfulness import Faithfulness
from ..text.escape import ENOUGH, format_share

CONVERGENCE = {None: "fixed steps", True: "converged", False: "not converged"}
CHANCE = {
    "beats chance": "beats chance",
    "worse than chance": "does worse than chance",
    "cannot be told from chance": "cannot be told from chance",
}


def name_convergence(explanation: Explanation, row: int) -> str:
    """Whether the map of a target converged, in words."""
    return CONVERGENCE[None if explanation.converged is None else explanation.converged[row]]


def find_doubtful(explanation: Explanation) -> NDArray[np.bool_]:
    """Which maps did not converge, or leave more than ENOUGH of the change unexplained, (T,)."""
    found = np.zeros(len(explanation.targets), bool)
    if explanation.converged is not None:
        found |= ~np.array(explanation.converged, bool)
    if (error := explanation.relative_error) is not None:
        found |= error > ENOUGH
    return found


def describe_doubt(explanation: Explanation, row: int, checked: Faithfulness | None = None) -> str:
    """Why the map of a target is no more than a sketch, as HTML; nothing if there is no reason to doubt it."""
    error, reasons = explanation.relative_error, []
    if name_convergence(explanation, row) == CONVERGENCE[False]:
        reasons.append("it did not converge")
    elif error is not None and error[row] > ENOUGH:
        reasons.append(f"{format_share(float(error[row]))} of the change is unexplained")
    if checked and checked.verdict in CHANCE and checked.verdict != "beats chance":
        reasons.append(f"it {CHANCE[checked.verdict]}")
    return f"<em>Take this map as a sketch: {', and '.join(reasons)}.</em>" if reasons else ""


def describe_doubts(explanation: Explanation) -> str:
    """How many maps of a generation are no more than sketches, as HTML; nothing if none is."""
    count = len(explanation.targets)
    if count == 1:
        return describe_doubt(explanation, 0)
    found = int(find_doubtful(explanation).sum())
    why = f"they did not converge, or leave more than {format_share(ENOUGH)} of the change unexplained"
    return f"<em>Take the maps of {found} of {count} as sketches: {why}.</em>" if found else ""
