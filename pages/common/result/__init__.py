"""The result of a request: its progress, then its explanation or an error."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explainers import Explanation, Request
from explainers.results.explanation import Kind
from explainers.serving.service import service
from explainers.visualization.html import render_lead
from explainers.visualization.renderers import find_renderer
from explainers.visualization.summaries.convergence import render_convergence
from explainers.visualization.summaries.mask_predictions import list_masks, render_words
from pages.common.result.entities import pick_entity
from pages.common.result.generation import show_generation
from pages.common.result.image import show_image
from pages.common.result.text import pick_row, show_text
from pages.common.ui.html import draw_html
from pages.common.ui.markdown import escape
from pages.common.ui.progress import run_with_progress


def explain_request(request: Request, key: str) -> Explanation | None:
    """Return the request's explanation, computed with a progress bar; None after an error, which is shown.

    `key` is the session-state key of the request: Cancel deletes it.
    """
    return run_with_progress(
        lambda: service().find_explanation(request),
        lambda progress: service().explain(request, progress),
        key,
        f"task {request.task}, model {request.model}",
    )


@st.fragment
def show_result(explanation: Explanation, key: str) -> None:
    """Draw the prediction in one sentence, the scores and their error; switching views computes nothing."""
    KINDS[explanation.kind](explanation, key)


def _show_answer(explanation: Explanation, key: str) -> tuple[int, list[int], DeltaGenerator]:
    """Draw the prediction and the error of the scores.

    Return the row of the target to draw, the rows above the threshold, and the place for the scores.
    """
    entities = st.container()
    row, rows = pick_row(explanation, key)
    with entities:
        if len(list_masks(explanation.prediction)) != 1:  # the sentence names the word of a single mask
            pick_entity(explanation, row, key)
    sentence = find_renderer(explanation).lead(explanation, row, service().find_evaluation(explanation, row))
    draw_html(render_lead(sentence, live=True) + render_words(explanation, row))
    for notice in explanation.notices:
        st.info(escape(notice), icon=":material/content_cut:")
    place = st.container()
    draw_html(render_convergence(explanation, row))
    return row, rows, place


def _show_text(explanation: Explanation, key: str) -> None:
    row, rows, place = _show_answer(explanation, key)
    show_text(explanation, row, rows, place, key)


def _show_image(explanation: Explanation, key: str) -> None:
    row, _, place = _show_answer(explanation, key)
    with place:
        show_image(explanation, row, key)


KINDS: dict[Kind, Callable[[Explanation, str], None]] = {
    "text": _show_text,
    "image": _show_image,
    "generation": show_generation,
}
