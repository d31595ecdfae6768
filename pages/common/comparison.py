"""The page of comparisons: what differs, settings, inputs, a button; then the maps side by side.

Knows Requests; what a task asks for is declared elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import streamlit as st

from explainers import ExplainerError, Explanation, Request
from explainers.errors import BadRequest
from explainers.links import PACKED
from explainers.task import Example, Task
from explainers.variants import BY, Difference, Variants

from . import comparing, controls, inputs, targets
from .compared import compared
from .comparing import BROUGHT, PAGE
from .examples import examples
from .sanity import sanity
from .share import OPENED, put
from .words import literal
from .workbench import known

ASKED = f"{PAGE}.asked"


def comparison(tasks: Mapping[str, Task]) -> None:
    """Draw the page."""
    _open_link(tasks)
    if (brought := st.session_state.pop(BROUGHT, None)) is not None:
        _begin(tasks[brought.base.task], brought)
    if st.session_state.get(f"{PAGE}.task") not in tasks:
        st.session_state[f"{PAGE}.task"] = next(iter(tasks))
    task = tasks[
        st.selectbox(
            "Task", list(tasks), format_func=lambda key: tasks[key].label, key=f"{PAGE}.task", persist_state="session"
        )
    ]
    inputs.first_visit(task)
    inputs.first_visit(task, inputs.SECOND)
    by = comparing.difference(task, PAGE)
    base = _base(task, by)
    card = targets.card(task, base.model)
    chosen = comparing.values(task, by, base, card, PAGE)
    if chosen and by in ("method", "model"):
        base = replace(base, **{by: chosen[0]})
    missing = comparing.short_of(by, base, chosen)
    examples(task, PAGE, _asks(task, by, base, chosen, bool(missing)))
    with st.form(f"{PAGE}.form", border=False):
        base = replace(base, inputs=inputs.given(task))
        second = inputs.given(task, inputs.SECOND) if by == "text" else {}
        base = replace(base, target=targets.target(task, card))
        pressed = st.form_submit_button(
            "Compare", type="primary", icon=":material/compare:", help="Ctrl+Enter", disabled=bool(missing)
        )
    if missing:
        st.info(missing)
    if pressed:
        st.session_state[ASKED] = Variants(by, base, chosen, _texts(second))
        st.session_state.pop(f"{PAGE}.done", None)
    _result(task, by)


def _result(task: Task, by: Difference) -> None:
    asked = st.session_state.get(ASKED)
    if not isinstance(asked, Variants) or (asked.base.task, asked.by) != (task.key, by):
        put({"task": task.key}, None)
        st.info("Choose an example or type your own, then press **Compare**.")
        return
    put(asked.to_query(), (asked.base.inputs, asked.other))
    if found := compared(asked, PAGE):
        _checked(found)


def _checked(found: Mapping[str, Explanation]) -> None:
    """The sanity check of one of the maps."""
    own = f"{PAGE}.checked"
    if st.session_state.get(own) not in found:
        st.session_state[own] = next(iter(found))
    st.subheader("Sanity check", anchor=False)
    chosen = st.selectbox("Map", list(found), key=own)
    sanity(found[chosen], PAGE, min(int(st.session_state.get(f"{PAGE}.row") or 0), len(found[chosen].targets) - 1))


def _base(task: Task, by: Difference) -> Request:
    """The settings that all maps share, drawn in the sidebar without the one in which they differ."""
    with st.sidebar:
        kept = st.session_state.get(f"{task.key}.model")
        model = controls.model(task) if by != "model" else str(kept or "")
        method = str(st.session_state.get(f"{task.key}.method") or task.method)
        if by == "method":
            params, seed = controls.common(task, baseline=True)
        else:
            method = controls.method(task, targets.card(task, model) if by != "model" else None)
            params, seed = controls.params(task, method)
    return Request(task.key, model, {}, method=method, params=params, seed=seed)


def _asks(
    task: Task, by: Difference, base: Request, chosen: tuple[str, ...], missing: bool
) -> Callable[[Example], None]:
    """What compares an example with the present settings."""

    def ask(example: Example) -> None:
        if not missing:
            second = {
                field.name: st.session_state.get(inputs.key_of(task, field, inputs.SECOND)) for field in task.fields
            }
            other = _texts(second) if by == "text" else ()
            st.session_state[ASKED] = Variants(by, replace(base, inputs=example.inputs), chosen, other)
            st.session_state.pop(f"{PAGE}.done", None)

    return ask


def _texts(given: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(text or "")) for name, text in given.items())


def _open_link(tasks: Mapping[str, Task]) -> None:
    """On a visitor's first run: what the address asks for, and what of it we do not have."""
    if f"{PAGE}.seen" in st.session_state:
        return
    st.session_state[f"{PAGE}.seen"] = True
    query = st.query_params.to_dict()
    if not query:
        return
    try:
        if BY not in query:
            _settle(tasks, Request.from_query(query))
            return
        variants = Variants.from_query(query)
        task = _task(tasks, variants.base.task)
        variants = replace(variants, base=known(task, variants.base))
        for request in variants.requests:
            known(task, request)
        _begin(task, variants)
    except ExplainerError as error:
        st.warning(f"This link could not be followed, so the page shows its defaults. {literal(str(error))}")
        return
    st.session_state[OPENED] = (query.get(PACKED, ""), (variants.base.inputs, variants.other))


def _begin(task: Task, variants: Variants) -> None:
    """Set the page's widgets to a comparison, before they are drawn, and ask for it if there is anything to read."""
    controls.fill(task, variants.base)
    targets.fill(task, variants.base)
    if variants.other:
        inputs.fill(task, dict(variants.other), inputs.SECOND)
    begun: dict[str, object] = {"task": task.key, "by": variants.by}
    begun |= {"asked": variants} if variants.base.inputs else {}
    for name, value in (begun | {f"{task.key}.{variants.by}": list(variants.values)}).items():
        st.session_state[f"{PAGE}.{name}"] = value


def _settle(tasks: Mapping[str, Task], request: Request) -> None:
    """Set the widgets to a request of which nobody has said what to compare it with."""
    task = _task(tasks, request.task)
    controls.fill(task, known(task, request))
    targets.fill(task, request)
    st.session_state[f"{PAGE}.task"] = task.key


def _task(tasks: Mapping[str, Task], key: str) -> Task:
    if key not in tasks:
        raise BadRequest(f"There is no task {key[:60]!r}. Tasks: {', '.join(tasks)}.")
    return tasks[key]
