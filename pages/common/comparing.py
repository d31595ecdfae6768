"""What is compared: the thing in which several maps differ, and its values, as a person chooses them.

Knows Requests; nothing is computed here.
"""

import streamlit as st

from explainers import CARDS, METHODS, Request
from explainers.models.card import Card
from explainers.models.loading import locate
from explainers.settings import settings
from explainers.task import Task
from explainers.variants import DIFFERENCES, MOST, Difference, baselines
from explainers.views.cards import fitting

from .words import literal

NAMES: dict[Difference, str] = {"method": "Methods", "model": "Models", "baseline": "Baselines", "text": "Two texts"}
FIRST = ("integrated_gradients", "occlusion", "input_x_gradient", "saliency", "grad_cam")  # compared unless told
SHOWN = 3  # maps that a comparison begins with
PAGE = "compare"  # prefix of what the page of its own keeps in the session
BROUGHT = f"{PAGE}.brought"  # where a panel leaves what that page begins with


def difference(task: Task, key: str) -> Difference:
    """The picker of what differs."""
    own = f"{key}.by"
    kinds = [kind for kind in DIFFERENCES if kind != "text" or not _pictures(task)]
    if st.session_state.get(own) not in kinds:
        st.session_state[own] = kinds[0]
    chosen = st.segmented_control(
        "What differs", kinds, format_func=lambda kind: NAMES[kind], required=True, key=own, persist_state="session"
    )
    return next(kind for kind in kinds if kind == (chosen or kinds[0]))


def _pictures(task: Task) -> bool:
    return any(field.kind == "image" for field in task.fields)


def values(task: Task, by: Difference, base: Request, card: Card | None, key: str) -> tuple[str, ...]:
    """The picker of the methods, models or baselines that are compared; nothing for two texts."""
    if by == "text":
        return ()
    own = f"{key}.{task.key}.{by}"
    options, begun = _offered(task, by, base, card)
    st.session_state.setdefault(own, begun)
    free = by == "model" and settings().any_model
    kept = [value for value in st.session_state[own] if value in options or free]
    if kept != st.session_state[own]:
        st.session_state[own] = kept
    chosen = st.multiselect(
        NAMES[by],
        options,
        format_func=lambda value: named(by, value),
        max_selections=MOST,
        accept_new_options=free,
        key=own,
        help="Type a Hugging Face id or the path of a folder to add a model of your own." if free else None,
        persist_state="session",
    )
    return tuple(map(str, chosen))


def _offered(task: Task, by: Difference, base: Request, card: Card | None) -> tuple[list[str], list[str]]:
    """What can be chosen, and what is before anybody has."""
    if by == "baseline":
        return list(baselines(task.key)), list(baselines(task.key))
    if by == "model":
        cards = [card for card in CARDS.values() if task.key in card.tasks]
        here = [card.key for card in cards if locate(card) in ("loaded", "here")]
        options = list(dict.fromkeys([base.model, *(card.key for card in cards)]))
        return options, list(dict.fromkeys([base.model, *here]))[:2]
    fits = [method.key for method in fitting(card or Card("", "folder", (task.key,), ""), task.key)]
    begun = dict.fromkeys(name for name in (base.method, *FIRST) if name in fits)
    return fits, list(begun)[:SHOWN]


def named(by: Difference, value: str) -> str:
    """A method, model or baseline as people read it."""
    match by:
        case "method":
            return METHODS[value].label if value in METHODS else value
        case "model":
            return CARDS[value].label if value in CARDS else value
        case _:
            return value.capitalize()


def short_of(by: Difference, base: Request, chosen: tuple[str, ...]) -> str:
    """Why there is nothing to compare yet, in a sentence; empty if there is."""
    if by == "text":
        return ""
    if by == "baseline" and "baseline" not in METHODS[base.method].needs:
        return f"{literal(METHODS[base.method].label)} compares with no baseline. Choose another method."
    if len(chosen) >= 2:
        return ""
    if by == "model" and settings().any_model:
        return "Choose two models, or type the Hugging Face id or the folder of another."
    return f"Choose two or more {NAMES[by].lower()}."
