"""Run a comparison: explain several requests that differ in one thing, then draw them together."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from explainers import TASKS, ExplainerError, Explanation, Request, Target
from explainers.analyses.variants import ComparisonRequest
from explainers.errors import BadRequest
from explainers.progress import Progress
from explainers.serving.service import service
from explainers.tasks.base import is_unspecified
from pages.common.panels.compare.pickers import name_value
from pages.common.panels.compare.side_by_side import show_side_by_side
from pages.common.panels.share import offer_link
from pages.common.ui.markdown import escape
from pages.common.ui.progress import run_with_progress, scale_progress

Result = Explanation | str  # the message of an error


def run_comparison(comparison: ComparisonRequest, key: str) -> dict[str, Explanation]:
    """Compute what is missing, draw all of it, and return the explanations by name."""
    about = f"comparison by {comparison.by}, task {comparison.base.task}, {len(comparison.requests)} explanations"
    results = run_with_progress(
        lambda: _find_known(comparison, key),
        lambda progress: _compute(comparison, key, progress),
        f"{key}.request",
        about,
    )
    return {} if results is None else _show(comparison, results, key)


def _find_known(comparison: ComparisonRequest, key: str) -> list[Result] | None:
    """Return the results if all are known; failed requests are not retried by themselves."""
    computed, outcomes = st.session_state.get(f"{key}.done", (None, ()))
    if computed != comparison:
        return None
    known = [each if isinstance(each, str) else service().find_explanation(each) for each in outcomes]
    results = [result for result in known if result is not None]
    return results if len(results) == len(outcomes) else None


def _compute(comparison: ComparisonRequest, key: str, progress: Progress) -> list[Result]:
    results: list[Result] = []
    for done, request in enumerate(comparison.requests):
        report = scale_progress(progress, done, len(comparison.requests))
        results.append(_explain(comparison, request, results[0] if results else None, report))
    outcomes = [result if isinstance(result, str) else result.request for result in results]
    st.session_state[f"{key}.done"] = (comparison, outcomes)
    return results


def _explain(comparison: ComparisonRequest, request: Request, first: Result | None, progress: Progress) -> Result:
    """Explain the request, for the label of the first explanation if the model has it too."""
    try:
        if isinstance(first, Explanation) and comparison.by in ("model", "text") and _keeps_label(request, first):
            try:
                target = first.targets[0]
                same = Target(target.label) if comparison.by == "model" else Target(index=target.index)
                return service().explain(replace(request, target=same), progress)
            except BadRequest:  # a model with other labels
                pass
        return service().explain(request, progress)
    except ExplainerError as error:
        return str(error)


def _keeps_label(request: Request, first: Explanation) -> bool:
    return TASKS[request.task].choices == "labels" and is_unspecified(request.target) and len(first.targets) == 1


def _show(comparison: ComparisonRequest, results: Sequence[Result], key: str) -> dict[str, Explanation]:
    """Draw the errors, then the explanations, then a link to all of it."""
    named = list(zip(_name_explanations(comparison), results, strict=True))
    for name, result in named:
        if isinstance(result, str):
            st.error(f"**{escape(name)}**: {escape(result)}", icon=":material/error:")
    explanations = {name: result for name, result in named if isinstance(result, Explanation)}
    if explanations:
        show_side_by_side(explanations, key)
        offer_link(comparison.to_query(), "compare")
    return explanations


def _name_explanations(comparison: ComparisonRequest) -> list[str]:
    """Name each explanation; equal names get a number."""
    names = [name_value(comparison.by, value) for value in comparison.values] or ["First text", "Second text"]
    return [name if names.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(names, 1)]
