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

Answer = Explanation | str  # the message of an error


def run_comparison(variants: ComparisonRequest, key: str) -> dict[str, Explanation]:
    """Compute what is missing, draw all of it, and return the explanations by name."""
    about = f"comparison by {variants.by}, task {variants.base.task}, {len(variants.requests)} explanations"
    answers = run_with_progress(
        lambda: _find_known(variants, key), lambda go: _compute(variants, key, go), f"{key}.asked", about
    )
    return {} if answers is None else _show(variants, answers, key)


def _find_known(variants: ComparisonRequest, key: str) -> list[Answer] | None:
    """Return the answers if all are known; what failed is not tried again until asked for."""
    asked, ends = st.session_state.get(f"{key}.done", (None, ()))
    if asked != variants:
        return None
    found = [end if isinstance(end, str) else service().kept(end) for end in ends]
    answers = [answer for answer in found if answer is not None]
    return answers if len(answers) == len(found) else None


def _compute(variants: ComparisonRequest, key: str, progress: Progress) -> list[Answer]:
    answers: list[Answer] = []
    for done, request in enumerate(variants.requests):
        told = scale_progress(progress, done, len(variants.requests))
        answers.append(_explain(variants, request, answers[0] if answers else None, told))
    ends = [answer if isinstance(answer, str) else answer.request for answer in answers]
    st.session_state[f"{key}.done"] = (variants, ends)
    return answers


def _explain(variants: ComparisonRequest, request: Request, first: Answer | None, progress: Progress) -> Answer:
    """Explain the request, for the label of the first explanation if the model has it too."""
    try:
        if isinstance(first, Explanation) and variants.by in ("model", "text") and _keeps_label(request, first):
            try:
                told = first.targets[0]
                same = Target(told.label) if variants.by == "model" else Target(index=told.index)
                return service().explain(replace(request, target=same), progress)
            except BadRequest:  # a model with other labels
                pass
        return service().explain(request, progress)
    except ExplainerError as error:
        return str(error)


def _keeps_label(request: Request, first: Explanation) -> bool:
    return TASKS[request.task].choices == "labels" and is_unspecified(request.target) and len(first.targets) == 1


def _show(variants: ComparisonRequest, answers: Sequence[Answer], key: str) -> dict[str, Explanation]:
    """Draw the errors, then the explanations, then a link to all of it."""
    named_answers = list(zip(_name_maps(variants), answers, strict=True))
    for name, answer in named_answers:
        if isinstance(answer, str):
            st.error(f"**{escape(name)}**: {escape(answer)}", icon=":material/error:")
    found = {name: answer for name, answer in named_answers if isinstance(answer, Explanation)}
    if found:
        show_side_by_side(found, key)
        offer_link(variants.to_query(), "compare")
    return found


def _name_maps(variants: ComparisonRequest) -> list[str]:
    """Name each explanation; equal names get a number."""
    names = [name_value(variants.by, value) for value in variants.values] or ["First text", "Second text"]
    return [name if names.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(names, 1)]
