"""The result of a request: its progress, then its explanation, or the error that a visitor reads instead."""

import streamlit as st

from explainers import Explanation, Request
from explainers.backend import backend
from explainers.generation.result import is_generation
from explainers.views.gaps import choices, gaps
from explainers.views.meter import meter
from explainers.views.sentence import sentence

from ..ui.html import draw_html
from ..ui.markdown import escape
from ..ui.progress import run_with_progress
from .entities import pick_entity
from .generation import show_generation
from .image import show_image
from .text import pick_row, show_text


def explain_request(request: Request, forget: str) -> Explanation | None:
    """Return the request's explanation, computed with a progress bar; None after an error, which is shown.

    `forget` is the key of the session state that asks for the request: Cancel deletes it.
    """
    return run_with_progress(
        lambda: backend().kept(request),
        lambda progress: backend().explain(request, progress),
        forget,
        f"task {request.task}, model {request.model}",
    )


@st.fragment
def show_result(explanation: Explanation, key: str) -> None:
    """Draw the answer in one sentence, the scores and their error; switching views computes nothing."""
    if is_generation(explanation):
        show_generation(explanation, key)
        return
    marked = st.container()
    row, rows = pick_row(explanation, key)
    with marked:
        if len(gaps(explanation.prediction)) != 1:  # the sentence says what fills a single gap
            pick_entity(explanation, row, key)
    words = explanation.by_word()
    said = sentence(words, row, backend().checked(explanation, row))
    draw_html(f'<p class="wf-said" role="status">{said}</p>{choices(words, row)}')
    for notice in explanation.notices:
        st.info(escape(notice), icon=":material/content_cut:")
    picture = st.container()
    draw_html(meter(explanation, row))
    if explanation.grid:
        with picture:
            show_image(explanation, row, key)
    else:
        show_text(explanation, row, rows, picture, key)
