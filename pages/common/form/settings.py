"""The pickers of model, method and settings, drawn from what cards, methods and tasks declare."""

from collections.abc import Iterable

import streamlit as st

from explainers import CARDS, METHODS, Request
from explainers.models.card import Card, guess_provided
from explainers.registry import FAMILIES, Method, Param, Value
from explainers.settings import settings
from explainers.tasks.base import Task
from explainers.visualization.summaries.model_card import list_methods, list_missing

SEED = "The same seed draws the same random numbers, and so gives the same result."


def pick_model(task: Task) -> str:
    """Draw the model picker: the task's cards; on your own machine also any Hugging Face id or folder."""
    current = st.session_state.get(f"{task.key}.model")  # a link may name a model of another task
    keys = [card.key for card in CARDS.values() if task.key in card.tasks or card.key == current]
    any_model = settings().any_model
    chosen = st.selectbox(
        "Model",
        keys,
        format_func=_name_model,
        accept_new_options=any_model,
        key=f"{task.key}.model",
        persist_state="session",
        help="To use another model, type its Hugging Face id or the path of a folder." if any_model else None,
    )
    return str(chosen or next(iter(keys), ""))


def _name_model(key: str) -> str:
    if key not in CARDS:
        return key
    return CARDS[key].label + (", needs a download" if CARDS[key].source == "hub" else "")


def pick_method(task: Task, card: Card | None) -> str:
    """Draw the method picker: the methods that work with the model, and why the others do not."""
    card = card or Card("", "folder", (task.key,), "this model", provides=guess_provided(task.key))
    keys = [method.key for method in list_methods(card, task.key)]
    best = next((key for key in keys if key == task.method), keys[0])
    if st.session_state.get(f"{task.key}.method") not in keys:  # of another model
        st.session_state[f"{task.key}.method"] = best
    chosen = st.selectbox(
        "Method",
        sorted(keys, key=_sort_by_family),
        format_func=lambda key: METHODS[key].label,
        key=f"{task.key}.method",
        persist_state="session",
    )
    family = FAMILIES[METHODS[chosen].family]
    st.caption(f"{METHODS[chosen].summary}  \n**{family.label}:** {family.summary}")
    _list_unavailable(
        [(other, needs) for other, needs in list_missing(card) if other.needs <= guess_provided(task.key)]
    )
    return str(chosen)


def _sort_by_family(key: str) -> tuple[int, str]:
    """Return the sort key of a method: its family, then its name."""
    return list(FAMILIES).index(METHODS[key].family), METHODS[key].label.casefold()


def _list_unavailable(others: list[tuple[Method, str]]) -> None:
    """Draw the methods that do not work with the model, folded away, each with the reason."""
    if not others:
        return
    with st.expander(f"{len(others)} method{'s' * (len(others) > 1)} not available for this model"):
        for other, needs in others:
            st.caption(f"{other.label} needs {needs}.")


def pick_settings(task: Task, chosen: str) -> tuple[dict[str, Value], int]:
    """Draw the settings of the method, then of the task; return those that are not the default, and the seed."""
    method = METHODS[chosen]
    method_values = _drop_defaults(_draw_settings(task, method.params), method.params)
    shared, seed = pick_shared_settings(task, "baseline" in method.needs)
    return method_values | shared, seed


def pick_shared_settings(task: Task, baseline: bool) -> tuple[dict[str, Value], int]:
    """Draw the settings that all methods share, with or without those of the baseline; and the seed."""
    params = [param for param in task.params if baseline or not param.name.startswith("baseline")]
    with st.expander("More settings"):
        values = _draw_settings(task, params)
        seed = st.number_input(
            "Seed", 0, 999_999_999, key=keep_default(f"{task.key}.seed", 0), persist_state="session", help=SEED
        )
    return _drop_defaults(values, params), int(seed)


def _drop_defaults(values: dict[str, Value], known: Iterable[Param]) -> dict[str, Value]:
    """Return the values that are not the default."""
    defaults = {param.name: param.default for param in known}
    return {name: value for name, value in values.items() if value != defaults[name]}


def _draw_settings(task: Task, shown: Iterable[Param]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    kind = "image" if any(field.kind == "image" for field in task.fields) else "text"
    for param in shown:
        if param.only not in ("", kind):
            continue
        if param.name != "baseline_text" or values.get("baseline") == "text":
            values[param.name] = draw_setting(param, keep_default(f"{task.key}.{param.name}", param.default))
    return values


def keep_default(key: str, default: Value) -> str:
    """Put a widget's default into the session state, and return its key: Streamlit refuses both on one widget."""
    st.session_state.setdefault(key, default)
    return key


def draw_setting(param: Param, key: str) -> Value:
    """Draw the widget of a setting, and return its value."""
    if param.choices:
        options = list(param.choices)
        return st.selectbox(
            param.label,
            options,
            format_func=param.name_choice,
            key=key,
            help="\n- ".join([param.help, *(f"{label}: {meaning}" for _, label, meaning in param.labels)]),
            persist_state="session",
        )
    if param.kind is bool:
        return st.toggle(param.label, key=key, help=param.help, persist_state="session")
    if param.range:
        low, high = (param.kind(value) for value in (param.range.low, param.range.high))
        step, shape = (1, "%d") if param.kind is int else (0.001, "%.4g")
        return st.number_input(
            param.label, low, high, step=step, format=shape, key=key, help=param.help, persist_state="session"
        )
    return st.text_input(param.label, key=key, help=param.help, persist_state="session")


def fill_settings(task: Task, request: Request) -> None:
    """Set the widgets to a request before they are drawn. Raises BadRequest for an invalid value.

    Settings that the request does not name get their default; so do missing inputs if it has any.
    """
    known = {param.name: param for param in (*METHODS[request.method].params, *task.params)}
    values: dict[str, object] = {"model": request.model, "method": request.method, "seed": request.seed}
    values |= {name: param.default for name, param in known.items()}
    values |= {name: known[name].parse(text) for name, text in request.options.items() if name in known}
    inputs = {field.name: field.default for field in task.fields} if request.inputs else {}
    for name, value in (values | inputs | dict(request.inputs)).items():
        st.session_state[f"{task.key}.{name}"] = value
