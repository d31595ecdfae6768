"""The pickers of a comparison: what differs (method, model, baseline or text), and between which values."""

import streamlit as st

from explainers import CARDS, METHODS, Request
from explainers.analyses.variants import COMPARISON_AXES, MOST_COMPARED, ComparisonAxis, list_baselines
from explainers.models.card import Card
from explainers.models.loading import locate
from explainers.settings import settings
from explainers.tasks.base import Task
from explainers.visualization.summaries.model_card import list_methods
from pages.common.ui.markdown import escape

NAMES: dict[ComparisonAxis, str] = {
    "method": "Methods",
    "model": "Models",
    "baseline": "Baselines",
    "text": "Two texts",
}
FIRST = ("integrated_gradients", "occlusion", "input_x_gradient", "saliency", "grad_cam")  # compared by default
SHOWN = 3  # methods in a comparison by default
PAGE = "compare"  # prefix of the Compare page's keys in the session state
FROM_PANEL = f"{PAGE}.from_panel"  # key of the comparison that a panel opens on that page


def pick_difference(task: Task, key: str) -> ComparisonAxis:
    """Draw the picker of what differs."""
    widget = f"{key}.by"
    kinds = [kind for kind in COMPARISON_AXES if kind != "text" or not _has_image(task)]
    if st.session_state.get(widget) not in kinds:
        st.session_state[widget] = kinds[0]
    chosen = st.segmented_control(
        "What to compare",
        kinds,
        format_func=lambda kind: NAMES[kind],
        required=True,
        key=widget,
        persist_state="session",
    )
    return next(kind for kind in kinds if kind == (chosen or kinds[0]))


def _has_image(task: Task) -> bool:
    return any(field.kind == "image" for field in task.fields)


def pick_values(task: Task, by: ComparisonAxis, base: Request, card: Card | None, key: str) -> tuple[str, ...]:
    """Draw the picker of the methods, models or baselines to compare; nothing for two texts."""
    if by == "text":
        return ()
    widget = f"{key}.{task.key}.{by}"
    options, default = _list_options(task, by, base, card)
    st.session_state.setdefault(widget, default)
    free = by == "model" and settings().any_model
    kept = [value for value in st.session_state[widget] if value in options or free]
    if kept != st.session_state[widget]:
        st.session_state[widget] = kept
    chosen = st.multiselect(
        NAMES[by],
        options,
        format_func=lambda value: name_value(by, value),
        max_selections=MOST_COMPARED,
        accept_new_options=free,
        key=widget,
        help="To add another model, type its Hugging Face id or the path of a folder." if free else None,
        persist_state="session",
    )
    return tuple(map(str, chosen))


def _list_options(task: Task, by: ComparisonAxis, base: Request, card: Card | None) -> tuple[list[str], list[str]]:
    """Return the options, and those chosen by default."""
    if by == "baseline":
        return list(list_baselines(task.key)), list(list_baselines(task.key))
    if by == "model":
        cards = [card for card in CARDS.values() if task.key in card.tasks]
        local = [card.key for card in cards if locate(card) in ("loaded", "here")]
        options = list(dict.fromkeys([base.model, *(card.key for card in cards)]))
        return options, list(dict.fromkeys([base.model, *local]))[:2]
    fits = [method.key for method in list_methods(card or Card("", "folder", (task.key,), ""), task.key)]
    default = dict.fromkeys(name for name in (base.method, *FIRST) if name in fits)
    return fits, list(default)[:SHOWN]


def name_value(by: ComparisonAxis, value: str) -> str:
    """Return the label of a method, model or baseline."""
    match by:
        case "method":
            return METHODS[value].label if value in METHODS else value
        case "model":
            return CARDS[value].label if value in CARDS else value
        case _:
            return value.capitalize()


def explain_missing(by: ComparisonAxis, base: Request, chosen: tuple[str, ...]) -> str:
    """Say in a sentence why there is nothing to compare yet; empty if there is."""
    if by == "text":
        return ""
    if by == "baseline" and "baseline" not in METHODS[base.method].needs:
        return f"{escape(METHODS[base.method].label)} uses no baseline. Choose another method."
    if len(chosen) >= 2:
        return ""
    if by == "model" and settings().any_model:
        return "Choose two models, or type the Hugging Face id or the folder of another one."
    return f"Choose two or more {NAMES[by].lower()}."
