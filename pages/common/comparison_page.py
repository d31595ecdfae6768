"""The Compare page: what to compare, settings, inputs and a button; then the explanations side by side."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import streamlit as st

from explainers import ExplainerError, Explanation, Request
from explainers.analyses.variants import BY, ComparisonAxis, ComparisonRequest
from explainers.errors import BadRequest
from explainers.request import PACKED
from explainers.tasks.base import Example, Task
from pages.common.form.examples import draw_examples
from pages.common.form.inputs import SECOND, draw_inputs, fill_inputs, fill_with_example, get_key
from pages.common.form.settings import fill_settings, pick_method, pick_model, pick_settings, pick_shared_settings
from pages.common.form.target import fill_target, get_card, pick_target
from pages.common.panels.compare.pickers import FROM_PANEL, PAGE, explain_missing, pick_difference, pick_values
from pages.common.panels.compare.run import run_comparison
from pages.common.panels.randomization import draw_randomization
from pages.common.panels.share import OPENED, set_query
from pages.common.ui.markdown import escape
from pages.common.workbench import check_request

REQUESTED = f"{PAGE}.request"


def show_comparison_page(tasks: Mapping[str, Task]) -> None:
    """Draw the page."""
    _open_link(tasks)
    if (comparison := st.session_state.pop(FROM_PANEL, None)) is not None:
        _start(tasks[comparison.base.task], comparison)
    if st.session_state.get(f"{PAGE}.task") not in tasks:
        st.session_state[f"{PAGE}.task"] = next(iter(tasks))
    task = tasks[
        st.selectbox(
            "Task", list(tasks), format_func=lambda key: tasks[key].label, key=f"{PAGE}.task", persist_state="session"
        )
    ]
    fill_with_example(task)
    fill_with_example(task, SECOND)
    by = pick_difference(task, PAGE)
    base = _pick_base(task, by)
    card = get_card(task, base.model)
    chosen = pick_values(task, by, base, card, PAGE)
    if chosen and by in ("method", "model"):
        base = replace(base, **{by: chosen[0]})
    missing = explain_missing(by, base, chosen)
    draw_examples(task, PAGE, _make_callback(task, by, base, chosen, bool(missing)))
    with st.form(f"{PAGE}.form", border=False):
        base = replace(base, inputs=draw_inputs(task))
        second = draw_inputs(task, SECOND) if by == "text" else {}
        base = replace(base, target=pick_target(task, card))
        pressed = st.form_submit_button(
            "Compare", type="primary", icon=":material/compare:", help="Ctrl+Enter", disabled=bool(missing)
        )
    if missing:
        st.info(missing)
    if pressed:
        st.session_state[REQUESTED] = ComparisonRequest(by, base, chosen, _to_pairs(second))
        st.session_state.pop(f"{PAGE}.done", None)
    _show(task, by)


def _show(task: Task, by: ComparisonAxis) -> None:
    comparison = st.session_state.get(REQUESTED)
    if not isinstance(comparison, ComparisonRequest) or (comparison.base.task, comparison.by) != (task.key, by):
        set_query({"task": task.key}, None)
        st.info("Choose an example or type your own, then press **Compare**.")
        return
    set_query(comparison.to_query(), (comparison.base.inputs, comparison.other))
    if explanations := run_comparison(comparison, PAGE):
        _draw_sanity_check(explanations)


def _draw_sanity_check(explanations: Mapping[str, Explanation]) -> None:
    """Draw the sanity check of the explanation that is picked."""
    widget = f"{PAGE}.checked"
    if st.session_state.get(widget) not in explanations:
        st.session_state[widget] = next(iter(explanations))
    st.subheader("Sanity check", anchor=False)
    chosen = st.selectbox("Explanation", list(explanations), key=widget)
    explanation = explanations[chosen]
    row = min(int(st.session_state.get(f"{PAGE}.row") or 0), len(explanation.targets) - 1)
    draw_randomization(explanation, PAGE, row)


def _pick_base(task: Task, by: ComparisonAxis) -> Request:
    """Draw in the sidebar the settings that all explanations share, and return the request that they make."""
    with st.sidebar:
        chosen_model = st.session_state.get(f"{task.key}.model")
        model = pick_model(task) if by != "model" else str(chosen_model or "")
        method = str(st.session_state.get(f"{task.key}.method") or task.method)
        if by == "method":
            params, seed = pick_shared_settings(task, baseline=True)
        else:
            method = pick_method(task, get_card(task, model) if by != "model" else None)
            params, seed = pick_settings(task, method)
    return Request(task.key, model, {}, method=method, params=params, seed=seed)


def _make_callback(
    task: Task, by: ComparisonAxis, base: Request, chosen: tuple[str, ...], missing: bool
) -> Callable[[Example], None]:
    """Return the callback that compares an example with the present settings."""

    def compare(example: Example) -> None:
        if not missing:
            second = {field.name: st.session_state.get(get_key(task, field, SECOND)) for field in task.fields}
            other = _to_pairs(second) if by == "text" else ()
            st.session_state[REQUESTED] = ComparisonRequest(by, replace(base, inputs=example.inputs), chosen, other)
            st.session_state.pop(f"{PAGE}.done", None)

    return compare


def _to_pairs(inputs: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(text or "")) for name, text in inputs.items())


def _open_link(tasks: Mapping[str, Task]) -> None:
    """Set the page to its address on a visitor's first run; warn about what does not exist."""
    if f"{PAGE}.seen" in st.session_state:
        return
    st.session_state[f"{PAGE}.seen"] = True
    query = st.query_params.to_dict()
    if not query:
        return
    try:
        if BY not in query:
            _fill(tasks, Request.from_query(query))
            return
        comparison = ComparisonRequest.from_query(query)
        task = _get_task(tasks, comparison.base.task)
        comparison = replace(comparison, base=check_request(task, comparison.base))
        for request in comparison.requests:
            check_request(task, request)
        _start(task, comparison)
    except ExplainerError as error:
        st.warning(f"This link could not be opened, so the page shows its defaults. {escape(str(error))}")
        return
    st.session_state[OPENED] = (query.get(PACKED, ""), (comparison.base.inputs, comparison.other))


def _start(task: Task, comparison: ComparisonRequest) -> None:
    """Set the widgets to a comparison before they are drawn, and run it if it has inputs."""
    fill_settings(task, comparison.base)
    fill_target(task, comparison.base)
    if comparison.other:
        fill_inputs(task, dict(comparison.other), SECOND)
    state: dict[str, object] = {"task": task.key, "by": comparison.by}
    state |= {"request": comparison} if comparison.base.inputs else {}
    for name, value in (state | {f"{task.key}.{comparison.by}": list(comparison.values)}).items():
        st.session_state[f"{PAGE}.{name}"] = value


def _fill(tasks: Mapping[str, Task], request: Request) -> None:
    """Set the widgets to a request that names no comparison."""
    task = _get_task(tasks, request.task)
    fill_settings(task, check_request(task, request))
    fill_target(task, request)
    st.session_state[f"{PAGE}.task"] = task.key


def _get_task(tasks: Mapping[str, Task], key: str) -> Task:
    if key not in tasks:
        raise BadRequest(f"There is no task {key[:60]!r}. Tasks: {', '.join(tasks)}.")
    return tasks[key]
