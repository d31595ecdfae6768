"""Widgets drawn from what tasks, methods and cards declare, and the Request that they make.

Knows no model: labels come from the catalogue, or from a model that is loaded already.
"""

from collections.abc import Iterable

import streamlit as st

from explainers import CARDS, METHODS, ExplainerError, Request, Target
from explainers.catalogue import Card
from explainers.loading import labels, loaded
from explainers.method import Knob, Value
from explainers.settings import settings
from explainers.sources import card_of
from explainers.task import Task
from explainers.views.cards import fitting, lacking

PREDICTED, NOTHING = "the predicted label", "nothing"


def model(task: Task) -> str:
    """The model picker: the task's cards; on one's own machine any hub id or folder can be typed."""
    keys = [card.key for card in CARDS.values() if task.key in card.tasks]
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
    return str(chosen or keys[0])


def _named(key: str) -> str:
    if key not in CARDS:
        return key
    return CARDS[key].label + (", needs the model hub" if CARDS[key].source == "hub" else "")


def card(task: Task, model: str) -> Card | None:
    """The chosen model's card; None for one that does not exist, which explaining it will say."""
    try:
        return card_of(model, task.key, settings())
    except ExplainerError:
        return None


def method(task: Task, card: Card | None) -> str:
    """The method picker: what the model can do; what it cannot is named with the reason."""
    card = card or Card("", "folder", (task.key,), "this model")
    keys = [method.key for method in fitting(card)]
    chosen = st.selectbox(
        "Method",
        keys,
        format_func=lambda key: METHODS[key].label,
        index=keys.index("integrated_gradients") if "integrated_gradients" in keys else 0,
        key=f"{task.key}.method",
        persist_state="session",
    )
    st.caption(METHODS[chosen].summary)
    for other, needs in lacking(card):
        st.caption(f"Not with this model: {other.label} (needs {needs}).")
    return str(chosen)


def params(task: Task, chosen: str) -> tuple[dict[str, Value], int]:
    """The knobs that apply and differ from their defaults, first the method's, then the task's; and the seed."""
    method = METHODS[chosen]
    values = _widgets(task, method.params)
    applying = [knob for knob in task.params if "baseline" in method.needs or not knob.name.startswith("baseline")]
    with st.expander("More settings"):
        values |= _widgets(task, applying)
        seed = st.number_input("Seed", 0, 999_999_999, 0, key=f"{task.key}.seed", persist_state="session")
    defaults = {knob.name: knob.default for knob in (*method.params, *task.params)}
    return {name: value for name, value in values.items() if value != defaults[name]}, int(seed)


def _widgets(task: Task, shown: Iterable[Knob]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for knob in shown:
        if knob.name != "baseline_text" or values.get("baseline") == "text":
            values[knob.name] = _widget(knob, f"{task.key}.{knob.name}")
    return values


def _widget(knob: Knob, key: str) -> Value:
    if knob.choices:
        options = list(knob.choices)
        return st.selectbox(
            knob.label,
            options,
            index=options.index(str(knob.default)),
            format_func=lambda choice: choice.replace("_", "-").capitalize() if choice.islower() else choice,
            key=key,
            help=knob.help,
            persist_state="session",
        )
    if knob.kind is bool:
        return st.toggle(knob.label, bool(knob.default), key=key, help=knob.help, persist_state="session")
    if knob.range:
        low, high, default = (knob.kind(value) for value in (knob.range.low, knob.range.high, knob.default))
        step, shape = (1, "%d") if knob.kind is int else (0.001, "%.4g")
        return st.number_input(
            knob.label, low, high, default, step, shape, key=key, help=knob.help, persist_state="session"
        )
    return st.text_input(knob.label, str(knob.default), key=key, help=knob.help, persist_state="session")


def target(task: Task, card: Card | None) -> Target:
    """The class that is explained, and the one that it is compared with."""
    names = list(_labels(card))
    left, right = st.columns(2)
    label = left.selectbox(
        "Explain",
        [PREDICTED, *names],
        key=f"{task.key}.target",
        accept_new_options=not names,
        persist_state="session",
    )
    foil = right.selectbox(
        "Rather than",
        [NOTHING, *[name for name in names if name != label]],
        key=f"{task.key}.foil",
        accept_new_options=not names,
        persist_state="session",
    )
    return Target(
        label=None if label in (None, PREDICTED) else label,
        foil=None if foil in (None, NOTHING) else foil,
    )


def _labels(card: Card | None) -> tuple[str, ...]:
    if card is None or card.labels:
        return card.labels if card else ()
    bundle = loaded(card)
    return labels(bundle.model) if bundle else ()


def fill(task: Task, request: Request) -> None:
    """Set the widgets to what a request says, before they are drawn. Raises BadRequest for a value that none takes."""
    known = {knob.name: knob for knob in (*METHODS[request.method].params, *task.params)}
    values: dict[str, object] = {"model": request.model, "method": request.method, "seed": request.seed}
    values |= {name: known[name].read(text) for name, text in request.options.items() if name in known}
    values["target"] = request.target.label or _label_at(task, request) or PREDICTED
    values["foil"] = request.target.foil or NOTHING
    for name, value in (values | request.texts).items():
        st.session_state[f"{task.key}.{name}"] = value


def _label_at(task: Task, request: Request) -> str | None:
    index, names = request.target.index, _labels(card(task, request.model))
    return names[index] if index is not None and index < len(names) else None
