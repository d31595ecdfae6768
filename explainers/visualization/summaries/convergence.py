"""How accurate an explanation is: convergence delta, random error, cost, and the check against the deployed model."""

from ...results.explanation import Explanation
from ..text.escape import escape
from ..text.format import format_share
from .doubt import find_doubtful, name_convergence


def render_convergence(explanation: Explanation, row: int = 0) -> str:
    """Render the share of the change that the scores explain, their random error, and the cost, as HTML."""
    lines = [*describe_spread(explanation, row), describe_cost(explanation)]
    parts = "".join(f"<div>{escape(line)}</div>" for line in lines)
    return f'<div class="wf-meter">{_render_completeness(explanation, row)}{parts}</div>'


def _render_completeness(explanation: Explanation, row: int) -> str:
    sentence = escape(describe_completeness(explanation, row))
    error = explanation.relative_error
    if error is None:
        return f"<div>{sentence}</div>"
    explained = max(0.0, 1.0 - float(error[row]))
    warning = ' class="wf-warn"' if find_doubtful(explanation)[row] else ""
    return (
        f'<div{warning}><div>{sentence}</div><div class="wf-bar" role="meter" '
        f'aria-label="Share of the change that the scores explain" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{100 * explained:.1f}"><i style="width:{100 * explained:.1f}%"></i></div></div>'
    )


def describe_completeness(explanation: Explanation, row: int = 0) -> str:
    """Describe in one sentence whether the method converged, and the relative error of its scores' sum."""
    error = explanation.relative_error
    if error is None:
        return "Convergence delta: not defined. The scores of this method need not add up to the explained number."
    state = name_convergence(explanation, row).capitalize()
    share = format_share(float(error[row]))
    return f"{state}: {share} of the change from baseline to input is unexplained."


def describe_spread(explanation: Explanation, row: int = 0) -> list[str]:
    """Describe in one sentence how much another random seed would change the scores; none if nothing was sampled."""
    spread = explanation.relative_spread
    if spread is None:
        return []
    share = format_share(float(spread[row]))
    return [f"Another random seed would change these scores by about ± {share} of their size."]


def describe_cost(explanation: Explanation) -> str:
    """Describe the passes, the seconds, and the difference between the explained and the deployed model's output."""
    forward, backward = explanation.evaluations
    mismatch = explanation.mismatch
    check = f"differs from it by at most {mismatch:.0e}" if mismatch else "equals it exactly"
    return (
        f"Passes through the model: {forward} forward, {backward} backward, in {explanation.seconds:.1f} s. "
        f"Checked against the model's plain forward pass: the explained number {check}."
    )
