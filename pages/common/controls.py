"""Widgets drawn from what tasks, methods and cards declare, and the Request that they make.

Knows no model.
"""

from collections.abc import Iterable

import streamlit as st

from explainers import CARDS, METHODS, Request
from explainers.models.card import Card, guess_provided
from explainers.registry import FAMILIES, Method, Param, Value
from explainers.settings import settings
from explainers.task import Task
from explainers.views.cards import fitting, lacking


def model(task: Task) -> str:
    """The model picker: the task's cards; on one's own machine any hub id or folder can be typed."""
    asked = st.session_state.get(f"{task.key}.model")  # perhaps by a link, and a model of another task
    keys = [card.key for card in CARDS.values() if task.key in card.tasks or card.key == asked]
    any_model = settings().any_model
    chosen = st.selectbox(
        "Model",
        keys,
        format_func=_named,
        accept_new_options=any_model,
        key=f"{task.key}.model",
        persist_state="session",
        help="Type a Hugging Face id or the path of a folder to explain a model of your own." if any_model else None,
    )
    return str(chosen or next(iter(keys), ""))


def _named(key: str) -> str:
    if key not in CARDS:
        return key
    return CARDS[key].label + (", needs the model hub" if CARDS[key].source == "hub" else "")


def method(task: Task, card: Card | None) -> str:
    """The method picker: what the model can do; what it cannot is named with the reason."""
    card = card or Card("", "folder", (task.key,), "this model", provides=guess_provided(task.key))
    keys = [method.key for method in fitting(card, task.key)]
    best = next((key for key in keys if key == task.method), keys[0])
    if st.session_state.get(f"{task.key}.method") not in keys:  # of another model
        st.session_state[f"{task.key}.method"] = best
    chosen = st.selectbox(
        "Method",
        sorted(keys, key=_place),
        format_func=lambda key: METHODS[key].label,
        key=f"{task.key}.method",
        persist_state="session",
    )
    family = FAMILIES[METHODS[chosen].family]
    st.caption(f"{METHODS[chosen].summary}  \n**{family.label}:** {family.summary}")
    _missing([(other, needs) for other, needs in lacking(card) if other.needs <= guess_provided(task.key)])
    return str(chosen)


def _place(key: str) -> tuple[int, str]:
    """Where a method stands in the list: by its family, then by its name."""
    return list(FAMILIES).index(METHODS[key].family), METHODS[key].label.casefold()


def _missing(others: list[tuple[Method, str]]) -> None:
    """The methods that the model cannot do, folded away, each with the reason."""
    if not others:
        return
    with st.expander(f"Not with this model: {len(others)} method{'s' * (len(others) > 1)}"):
        for other, needs in others:
            st.caption(f"{other.label} needs {needs}.")


def params(task: Task, chosen: str) -> tuple[dict[str, Value], int]:
    """The knobs that apply and differ from their defaults, first the method's, then the task's; and the seed."""
    method = METHODS[chosen]
    own = _changed(_widgets(task, method.params), method.params)
    others, seed = common(task, "baseline" in method.needs)
    return own | others, seed


def common(task: Task, baseline: bool) -> tuple[dict[str, Value], int]:
    """The knobs that every method on the task shares, with or without those of its baseline; and the seed."""
    applying = [param for param in task.params if baseline or not param.name.startswith("baseline")]
    with st.expander("More settings"):
        values = _widgets(task, applying)
        seed = st.number_input("Seed", 0, 999_999_999, key=kept(f"{task.key}.seed", 0), persist_state="session")
    return _changed(values, applying), int(seed)


def _changed(values: dict[str, Value], known: Iterable[Param]) -> dict[str, Value]:
    """The values that are not the default."""
    defaults = {param.name: param.default for param in known}
    return {name: value for name, value in values.items() if value != defaults[name]}


def _widgets(task: Task, shown: Iterable[Param]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    kind = "image" if any(field.kind == "image" for field in task.fields) else "text"
    for param in shown:
        if param.only not in ("", kind):
            continue
        if param.name != "baseline_text" or values.get("baseline") == "text":
            values[param.name] = widget(param, kept(f"{task.key}.{param.name}", param.default))
    return values


def kept(key: str, default: Value) -> str:
    """A widget's key, its default put into the session: a widget that has both of its own makes Streamlit complain."""
    st.session_state.setdefault(key, default)
    return key


def widget(param: Param, key: str) -> Value:
    """The widget of a setting, and its value."""
    if param.choices:
        options = list(param.choices)
        return st.selectbox(
            param.label,
            options,
            format_func=lambda choice: choice.replace("_", "-").capitalize() if choice.islower() else choice,
            key=key,
            help=param.help,
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


def fill(task: Task, request: Request) -> None:
    """Set the widgets to what a request says, before they are drawn. Raises BadRequest for a value that none takes.

    A request names no setting that is the default: those go back to it, and if it has inputs, so do the others.
    """
    known = {param.name: param for param in (*METHODS[request.method].params, *task.params)}
    values: dict[str, object] = {"model": request.model, "method": request.method, "seed": request.seed}
    values |= {name: param.default for name, param in known.items()}
    values |= {name: known[name].read(text) for name, text in request.options.items() if name in known}
    inputs = {field.name: field.default for field in task.fields} if request.inputs else {}
    for name, value in (values | inputs | dict(request.inputs)).items():
        st.session_state[f"{task.key}.{name}"] = value
