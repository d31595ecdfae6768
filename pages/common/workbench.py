"""The page of a task: examples, inputs, settings and a button; then the result and its panels."""

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from explainers import CARDS, ExplainerError, Request
from explainers.engine import validate
from explainers.models.resolve import find_card
from explainers.request import PACKED
from explainers.settings import settings
from explainers.tasks.base import Example, Task
from pages.common.form.examples import draw_examples
from pages.common.form.inputs import draw_inputs, fill_with_example
from pages.common.form.settings import fill_settings, pick_method, pick_model, pick_settings
from pages.common.form.target import fill_target, get_card, pick_target, remember_predicted
from pages.common.navigation import ARRIVED
from pages.common.panels import draw_panels
from pages.common.panels.share import OPENED, set_address
from pages.common.result import explain_request, show_result
from pages.common.ui.markdown import escape


def show_workbench(task: Task) -> None:
    """Draw the page of a task."""
    request_key = f"{task.key}.request"
    _open_link(task, request_key)
    st.title(task.label, anchor=False)
    st.markdown(task.question)
    with st.sidebar:
        model = pick_model(task)
        card = get_card(task, model)
        method = pick_method(task, card)
        params, seed = pick_settings(task, method)
    draft = Request(task.key, model, {}, method=method, params=params, seed=seed)
    draw_examples(task, task.key, _make_callback(request_key, draft))
    with st.form(f"{task.key}.form", border=False):
        inputs = draw_inputs(task)
        draft = replace(draft, target=pick_target(task, card))
        pressed = st.form_submit_button("Explain", type="primary", icon=":material/play_arrow:", help="Ctrl+Enter")
    if pressed:
        st.session_state[request_key] = replace(draft, inputs=inputs)
    _show(task, request_key, draft)


def _make_callback(request_key: str, draft: Request) -> Callable[[Example], None]:
    """Return the callback that explains an example with the present settings."""

    def explain(example: Example) -> None:
        st.session_state[request_key] = replace(draft, inputs=example.inputs)

    return explain


def _show(task: Task, request_key: str, draft: Request) -> None:
    request: Request | None = st.session_state.get(request_key)
    set_address(request or draft)
    if request is None:
        st.info("Choose an example or type your own, then press **Explain**.")
        return
    if replace(request, inputs=(), target=draft.target) != replace(draft, inputs=()):
        st.caption("The settings have changed since this result. Press **Explain** to use them.")
    explanation = explain_request(request, request_key)
    if explanation:
        if remember_predicted(task, explanation):
            st.rerun()  # for the pickers above; the explanation is cached
        show_result(explanation, task.key)
        draw_panels(explanation, task.key)
        st.page_link("pages/about.py", label="What these colours mean, and what they do not", icon=":material/info:")


def _open_link(task: Task, request_key: str) -> None:
    """Set the page to its address when a visitor arrives; warn about what does not exist."""
    visited = f"{task.key}.seen"
    if visited in st.session_state and not st.session_state.get(ARRIVED):
        return
    st.session_state[visited] = True
    fill_with_example(task)
    query = st.query_params.to_dict()
    if not query:
        return
    try:
        request = check_request(task, Request.from_query({**query, "task": task.key}))
        fill_settings(task, request)
        fill_target(task, request)
    except ExplainerError as error:
        st.warning(f"This link could not be opened, so the page shows its defaults. {escape(str(error))}")
        return
    if request.inputs:
        st.session_state[request_key] = request
        st.session_state[OPENED] = (query.get(PACKED, ""), request.inputs)


def check_request(task: Task, request: Request) -> Request:
    """Return the request with its default model; raise an ExplainerError if it names something that does not exist."""
    validate(request)
    if request.model and request.model not in CARDS:
        find_card(request.model, task.key, settings())
    default = next((card.key for card in CARDS.values() if task.key in card.tasks), "")
    return replace(request, model=request.model or default)
