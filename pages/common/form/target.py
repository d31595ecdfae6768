"""The pickers of the target and its contrast, among the model's labels or its last answers.

Labels come from the catalogue, or from a model that is already loaded; no model is loaded here.
"""

import re
from collections.abc import Iterable

import streamlit as st

from explainers import ExplainerError, Explanation, Request, Target
from explainers.models.card import Card
from explainers.models.loading import find_loaded, read_labels
from explainers.models.resolve import find_card
from explainers.settings import settings
from explainers.tasks.base import Task
from explainers.visualization.text.escape import number_duplicates

PREDICTED, NOTHING = "the model's answer", "no alternative"
CONTRAST = "Contrast: explain why the model gives the first answer and not this one."
AT = re.compile(r"(.+)@(\d{1,6})", re.DOTALL)  # a label and the position of its token


def get_card(task: Task, model: str) -> Card | None:
    """Return the model's card, completed if the model is loaded; None if there is no such model.

    Explaining a model that does not exist says so.
    """
    try:
        card = find_card(model, task.key, settings())
    except ExplainerError:
        return None
    bundle = find_loaded(card)
    return bundle.card if bundle else card


def get_predicted(task: Task) -> tuple[Target, ...]:
    """Return the model's answers to the inputs that were explained last."""
    kept = st.session_state.get(f"{task.key}.said", ())
    return tuple(target for target in kept if isinstance(target, Target))


def remember_predicted(task: Task, explanation: Explanation) -> bool:
    """Keep the model's answers for the pickers; return True if they are new."""
    targets = explanation.prediction.targets[:50]
    new = task.choices == "predictions" and targets != get_predicted(task)
    st.session_state[f"{task.key}.said"] = targets
    return new


def pick_target(task: Task, card: Card | None) -> Target:
    """Draw the pickers of the label, answer or entity to explain, and of its contrast."""
    if task.choices == "all":
        return Target(foil=_type_contrast(task))
    names = {_to_name(t): t for t in get_predicted(task)} if task.choices == "predictions" else {}
    left, right = st.columns(2)
    labels = _list_labels(card)
    free = task.choices == "predictions" or not labels
    chosen = _pick(left, "Explain", PREDICTED, names or labels, f"{task.key}.target", names, free)
    against = [name for name in (names if task.foils == "predictions" else labels) if name != chosen]
    foil = _pick(right, "Rather than", NOTHING, against, f"{task.key}.foil", names, free, CONTRAST)
    wanted = _from_name(chosen) if chosen else Target()
    return Target(wanted.label, position=wanted.position, foil=foil)


def _type_contrast(task: Task) -> str | None:
    """Draw a field for a text to contrast the generated text with."""
    typed = st.text_input(
        "Rather than",
        key=f"{task.key}.foil",
        help=CONTRAST,
        placeholder="Optional: another text that the model could have written, to see why it did not.",
        max_chars=settings().text_characters,
        persist_state="session",
    )
    return str(typed or "").strip() or None


def _pick(
    place: "st.delta_generator.DeltaGenerator",
    title: str,
    default: str,
    among: Iterable[str],
    key: str,
    known: dict[str, Target],
    free: bool,
    help_text: str | None = None,
) -> str | None:
    """Draw a picker whose options include the present choice; return None for the default.

    `free`: other text may be typed, because the options are not known before the model has run.
    """
    options = [default, *among]
    now = st.session_state.get(key)
    if now and now not in options:
        options.append(str(now))
    names = number_duplicates(_to_label(known[name]) if name in known else name for name in options)
    shown = dict(zip(options, names, strict=True))
    chosen = place.selectbox(
        title,
        options,
        key=key,
        help=help_text,
        format_func=lambda name: shown.get(name, name),
        accept_new_options=free,
        persist_state="session",
    )
    return None if chosen in (None, default) else str(chosen)


def _to_name(target: Target) -> str:
    return f"{target.label}@{target.position}" if target.position is not None else str(target.label)


def _to_label(target: Target) -> str:
    return f"{target.text}: {target.label}" if target.text else str(target.label)


def _from_name(name: str) -> Target:
    match = AT.fullmatch(name)
    return Target(match[1], position=int(match[2])) if match else Target(name)


def fill_target(task: Task, request: Request) -> None:
    """Set the pickers to a request before they are drawn."""
    wanted = request.target
    label = wanted.label or _find_label(task, request)
    named = _to_name(Target(label, position=wanted.position)) if label else PREDICTED
    if task.choices != "all":  # else there is no such picker, and an input may have its name
        st.session_state[f"{task.key}.target"] = named
    st.session_state[f"{task.key}.foil"] = wanted.foil or ("" if task.foils == "text" else NOTHING)


def reset_target(task: Task) -> None:
    """Reset the pickers to the model's answer, without contrast."""
    fill_target(task, Request(task.key, "", {}))


def _find_label(task: Task, request: Request) -> str | None:
    index, names = request.target.index, _list_labels(get_card(task, request.model))
    return names[index] if index is not None and index < len(names) else None


def _list_labels(card: Card | None) -> tuple[str, ...]:
    if card is None or card.labels:
        return card.labels if card else ()
    bundle = find_loaded(card)
    return read_labels(bundle.model) if bundle else ()
