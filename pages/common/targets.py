"""What can be asked about: the model's labels, or what it said last; and what that is compared with.

Knows no model: labels come from the catalogue, or from a model that is loaded already.
"""

import re
from collections.abc import Iterable

import streamlit as st

from explainers import ExplainerError, Explanation, Request, Target
from explainers.models.card import Card
from explainers.models.loading import find_loaded, read_labels
from explainers.models.resolve import find_card
from explainers.settings import settings
from explainers.task import Task
from explainers.views.text import distinct

PREDICTED, NOTHING = "what the model says", "nothing"
AT = re.compile(r"(.+)@(\d{1,6})", re.DOTALL)  # a class and the token that it is read at


def card(task: Task, model: str) -> Card | None:
    """The chosen model's card, with what was found out when it was loaded, if it is.

    None for one that does not exist, which explaining it will say.
    """
    try:
        card = find_card(model, task.key, settings())
    except ExplainerError:
        return None
    bundle = find_loaded(card)
    return bundle.card if bundle else card


def said(task: Task) -> tuple[Target, ...]:
    """What the model said about the inputs that were explained last."""
    kept = st.session_state.get(f"{task.key}.said", ())
    return tuple(target for target in kept if isinstance(target, Target))


def remember(task: Task, explanation: Explanation) -> bool:
    """Keep what the model said for the next drawing; whether it is anything new."""
    targets = explanation.prediction.targets[:50]
    new = task.choices == "said" and targets != said(task)
    st.session_state[f"{task.key}.said"] = targets
    return new


def target(task: Task, card: Card | None) -> Target:
    """The class, answer or entity that is explained, and the one that it is compared with."""
    if task.choices == "all":
        return Target(foil=_other(task))
    names = {_name(t): t for t in said(task)} if task.choices == "said" else {}
    left, right = st.columns(2)
    labels = _labels(card)
    free = task.choices == "said" or not labels
    chosen = _picked(left, "Explain", PREDICTED, names or labels, f"{task.key}.target", names, free)
    against = [name for name in (names if task.foils == "said" else labels) if name != chosen]
    foil = _picked(right, "Rather than", NOTHING, against, f"{task.key}.foil", names, free)
    wanted = _target(chosen) if chosen else Target()
    return Target(wanted.label, position=wanted.position, foil=foil)


def _other(task: Task) -> str | None:
    """The text that what is said is compared with, if one is typed."""
    typed = st.text_input(
        "Rather than",
        key=f"{task.key}.foil",
        placeholder="Another text that it could have written, if you want to know why not that.",
        max_chars=settings().text_characters,
        persist_state="session",
    )
    return str(typed or "").strip() or None


def _picked(
    place: "st.delta_generator.DeltaGenerator",
    title: str,
    default: str,
    among: Iterable[str],
    key: str,
    known: dict[str, Target],
    free: bool,
) -> str | None:
    """A picker with what is chosen now among its options, whatever they are; None for the default.

    `free`: something else may be typed, for what can be asked about is not known before the model has run.
    """
    options = [default, *among]
    now = st.session_state.get(key)
    if now and now not in options:
        options.append(str(now))
    names = distinct(_shown(known[name]) if name in known else name for name in options)
    shown = dict(zip(options, names, strict=True))
    chosen = place.selectbox(
        title,
        options,
        key=key,
        format_func=lambda name: shown.get(name, name),
        accept_new_options=free,
        persist_state="session",
    )
    return None if chosen in (None, default) else str(chosen)


def _name(target: Target) -> str:
    return f"{target.label}@{target.position}" if target.position is not None else str(target.label)


def _shown(target: Target) -> str:
    return f"{target.text}: {target.label}" if target.text else str(target.label)


def _target(name: str) -> Target:
    match = AT.fullmatch(name)
    return Target(match[1], position=int(match[2])) if match else Target(name)


def fill(task: Task, request: Request) -> None:
    """Set the pickers to what a request says, before they are drawn."""
    wanted = request.target
    label = wanted.label or _label_at(task, request)
    named = _name(Target(label, position=wanted.position)) if label else PREDICTED
    if task.choices != "all":  # else there is no such picker, and an input may bear its name
        st.session_state[f"{task.key}.target"] = named
    st.session_state[f"{task.key}.foil"] = wanted.foil or ("" if task.foils == "text" else NOTHING)


def clear(task: Task) -> None:
    """Ask again about what the model says, against nothing."""
    fill(task, Request(task.key, "", {}))


def _label_at(task: Task, request: Request) -> str | None:
    index, names = request.target.index, _labels(card(task, request.model))
    return names[index] if index is not None and index < len(names) else None


def _labels(card: Card | None) -> tuple[str, ...]:
    if card is None or card.labels:
        return card.labels if card else ()
    bundle = find_loaded(card)
    return read_labels(bundle.model) if bundle else ()
