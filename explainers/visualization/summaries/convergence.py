"""How sure the map is: its completeness error, what it cost, and the proof that it is of the deployed model."""

from ...results.explanation import Explanation
from ..text.escape import escape, format_share
from .doubt import find_doubtful, name_convergence


def meter(explanation: Explanation, row: int = 0) -> str:
    """The completeness meter with passes and seconds, as HTML."""
    drawn = "".join(f"<div>{escape(said)}</div>" for said in steadiness(explanation, row))
    return f'<div class="wf-meter">{_completeness(explanation, row)}{drawn}<div>{cost(explanation)}</div></div>'


def _completeness(explanation: Explanation, row: int) -> str:
    said = completeness(explanation, row)
    error = explanation.relative_error
    if error is None:
        return f"<div>{escape(said)}</div>"
    explained = max(0.0, 1.0 - float(error[row]))
    warning = ' class="wf-warn"' if find_doubtful(explanation)[row] else ""
    return (
        f'<div{warning}><div>{escape(said)}</div><div class="wf-bar" role="meter" '
        f'aria-label="Share of the change that the scores explain" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{100 * explained:.1f}"><i style="width:{100 * explained:.1f}%"></i></div></div>'
    )


def completeness(explanation: Explanation, row: int = 0) -> str:
    """The completeness error in one sentence."""
    error = explanation.relative_error
    if error is None:
        return "Completeness error: not defined. This method's scores need not add up to the number that they explain."
    state = name_convergence(explanation, row).capitalize()
    return f"{state}: {format_share(float(error[row]))} of the change from baseline to input is unexplained."


def steadiness(explanation: Explanation, row: int = 0) -> list[str]:
    """How far other random draws would move the scores, in one sentence; none where nothing was drawn."""
    spread = explanation.relative_spread
    if spread is None:
        return []
    return [f"Other random draws would move these scores by about ± {format_share(float(spread[row]))} of their size."]


def cost(explanation: Explanation) -> str:
    """Passes and seconds, and how the explained number compares with the deployed one."""
    forward, backward = explanation.evaluations
    gives = "gives exactly the same" if not explanation.mismatch else f"differs by {explanation.mismatch:.0e} at most"
    return (
        f"Passes through the model: {forward} forward, {backward} backward, in {explanation.seconds:.1f} s. "
        f"The number explained is the model's own: its plain forward pass {gives}."
    )
