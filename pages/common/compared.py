"""The maps of several requests that differ in one thing: computed one after the other, and then drawn together.

Knows Requests; what they differ in is chosen elsewhere.
"""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from explainers import TASKS, ExplainerError, Explanation, Request, Target
from explainers.classification import nothing_asked
from explainers.errors import BadRequest
from explainers.progress import Progress
from explainers.serving.service import backend
from explainers.variants import Variants
from pages.common.comparing import named
from pages.common.share import copy_link
from pages.common.side_by_side import side_by_side
from pages.common.words import literal
from pages.common.work import part, worked

Answer = Explanation | str  # or what a person reads in its place


def compared(variants: Variants, key: str) -> dict[str, Explanation]:
    """Compute what is not known yet, and draw all of it; the maps by their names."""
    about = f"comparison by {variants.by}, task {variants.base.task}, {len(variants.requests)} maps"
    answers = worked(lambda: _known(variants, key), lambda go: _computed(variants, key, go), f"{key}.asked", about)
    return {} if answers is None else _drawn(variants, answers, key)


def _known(variants: Variants, key: str) -> list[Answer] | None:
    """The answers if they need no work; what failed is not tried again before somebody asks."""
    asked, ends = st.session_state.get(f"{key}.done", (None, ()))
    if asked != variants:
        return None
    found = [end if isinstance(end, str) else backend().kept(end) for end in ends]
    answers = [answer for answer in found if answer is not None]
    return answers if len(answers) == len(found) else None


def _computed(variants: Variants, key: str, progress: Progress) -> list[Answer]:
    answers: list[Answer] = []
    for done, request in enumerate(variants.requests):
        told = part(progress, done, len(variants.requests))
        answers.append(_answer(variants, request, answers[0] if answers else None, told))
    ends = [answer if isinstance(answer, str) else answer.request for answer in answers]
    st.session_state[f"{key}.done"] = (variants, ends)
    return answers


def _answer(variants: Variants, request: Request, first: Answer | None, progress: Progress) -> Answer:
    """The request's map, of the same label as the first one's if there is one and the model has it too."""
    try:
        if isinstance(first, Explanation) and variants.by in ("model", "text") and _of_one_label(request, first):
            try:
                told = first.targets[0]
                same = Target(told.label) if variants.by == "model" else Target(index=told.index)
                return backend().explain(replace(request, target=same), progress)
            except BadRequest:  # a model with other labels
                pass
        return backend().explain(request, progress)
    except ExplainerError as error:
        return str(error)


def _of_one_label(request: Request, first: Explanation) -> bool:
    return TASKS[request.task].choices == "labels" and nothing_asked(request.target) and len(first.targets) == 1


def _drawn(variants: Variants, answers: Sequence[Answer], key: str) -> dict[str, Explanation]:
    """What failed, then the maps, then a link to all of it."""
    named_answers = list(zip(_names(variants), answers, strict=True))
    for name, answer in named_answers:
        if isinstance(answer, str):
            st.error(f"**{literal(name)}**: {literal(answer)}", icon=":material/error:")
    found = {name: answer for name, answer in named_answers if isinstance(answer, Explanation)}
    if found:
        side_by_side(found, key)
        copy_link(variants.to_query(), "compare")
    return found


def _names(variants: Variants) -> list[str]:
    """What each map is called; a name that stands twice is told apart by a number."""
    names = [named(variants.by, value) for value in variants.values] or ["First text", "Second text"]
    return [name if names.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(names, 1)]
