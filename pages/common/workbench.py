"""The one page of every task: examples, inputs, settings, a button; then the result and what can be done with it.

Knows Requests; what a task asks for and what a method can be told is declared elsewhere.
"""

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from explainers import CARDS, METHODS, ExplainerError, Request
from explainers.errors import BadRequest
from explainers.links import PACKED
from explainers.settings import settings
from explainers.task import Example, Task

from . import controls, inputs, targets
from .examples import examples
from .frame import ARRIVED
from .panels import panels
from .results import computed, show
from .share import OPENED, address
from .words import literal


def workbench(task: Task) -> None:
    """Draw the page of a task."""
    asked = f"{task.key}.asked"
    _open_link(task, asked)
    st.title(task.label, anchor=False)
    st.markdown(task.question)
    with st.sidebar:
        model = controls.model(task)
        card = targets.card(task, model)
        method = controls.method(task, card)
        params, seed = controls.params(task, method)
    draft = Request(task.key, model, {}, method=method, params=params, seed=seed)
    examples(task, task.key, _asks(asked, draft))
    with st.form(f"{task.key}.form", border=False):
        given = inputs.given(task)
        draft = replace(draft, target=targets.target(task, card))
        pressed = st.form_submit_button("Explain", type="primary", icon=":material/play_arrow:", help="Ctrl+Enter")
    if pressed:
        st.session_state[asked] = replace(draft, inputs=given)
    _result(task, asked, draft)


def _asks(asked: str, draft: Request) -> Callable[[Example], None]:
    """What explains an example with the present settings."""

    def ask(example: Example) -> None:
        st.session_state[asked] = replace(draft, inputs=example.inputs)

    return ask


def _result(task: Task, asked: str, draft: Request) -> None:
    request: Request | None = st.session_state.get(asked)
    address(request or draft)
    if request is None:
        st.info("Choose an example or type your own, then press **Explain**.")
        return
    if replace(request, inputs=(), target=draft.target) != replace(draft, inputs=()):
        st.caption("Settings changed since this result. Press **Explain** to use them.")
    explanation = computed(request, asked)
    if explanation:
        if targets.remember(task, explanation):
            st.rerun()  # for the pickers above: the explanation is kept, and costs nothing
        show(explanation, task.key)
        panels(explanation, task.key)
        st.page_link("pages/about.py", label="What such a map says, and what it does not", icon=":material/info:")


def _open_link(task: Task, asked: str) -> None:
    """When a visitor comes to the page: what the address asks for, and what of it we do not have."""
    seen = f"{task.key}.seen"
    if seen in st.session_state and not st.session_state.get(ARRIVED):
        return
    st.session_state[seen] = True
    inputs.first_visit(task)
    query = st.query_params.to_dict()
    if not query:
        return
    try:
        request = known(task, Request.from_query({**query, "task": task.key}))
        controls.fill(task, request)
        targets.fill(task, request)
    except ExplainerError as error:
        st.warning(f"This link could not be followed, so the page shows its defaults. {literal(str(error))}")
        return
    if request.inputs:
        st.session_state[asked] = request
        st.session_state[OPENED] = (query.get(PACKED, ""), request.inputs)


def known(task: Task, request: Request) -> Request:
    """The request, if it names only what there is."""
    if request.method not in METHODS:
        raise BadRequest(f"It names a method that Wherefore does not have: {request.method[:60]!r}.")
    if request.model and request.model not in CARDS and not settings().any_model:
        raise BadRequest(f"It names a model that this server does not offer: {request.model[:100]!r}.")
    default = next((card.key for card in CARDS.values() if task.key in card.tasks), "")
    names = {param.name for param in (*METHODS[request.method].params, *task.params)}
    if unknown := {name for name, _ in request.params} - names:
        raise BadRequest(f"It names a setting that {request.method} does not have: {sorted(unknown)[0][:60]!r}.")
    return replace(request, model=request.model or default)
