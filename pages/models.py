"""Models: what each is, how well it does, where it is now, and which methods work on it, drawn from the catalogue.

Knows no model.
"""

from functools import partial

import streamlit as st

from pages.common.frame import TASK_PAGES, self_sufficient

self_sufficient()  # before the imports that take seconds

from explainers import CARDS  # noqa: E402
from explainers.models.card import Card  # noqa: E402
from explainers.models.loading import locate  # noqa: E402
from explainers.settings import settings  # noqa: E402
from explainers.views.cards import brief, whereabouts  # noqa: E402
from pages.common.grid import grid  # noqa: E402
from pages.common.results import listed, literal  # noqa: E402

ICONS = {"loaded": ":blue-badge[:material/bolt: {}]", "here": ":blue-badge[:material/check: {}]"}
TITLES = {key: title for key, title, _ in TASK_PAGES}


def main() -> None:
    """The lead, the filters, and a group of cards for each task."""
    st.title("Models", anchor=False)
    st.markdown(
        "Every model that Wherefore knows by name, what it can say, and how often it was right when we tested it."
    )
    chosen = st.pills("Task", list(TITLES), format_func=TITLES.__getitem__, key="models.task", persist_state="session")
    no_hub = st.toggle("Only those that need no model hub", key="models.no_hub", persist_state="session")
    for task in [chosen] if chosen else TITLES:
        _group(task, [card for card in CARDS.values() if task in card.tasks and not (no_hub and card.source == "hub")])
    if settings().any_model:
        st.info(
            "Any other model of these kinds works too: type its Hugging Face id, or the path of its folder, where a "
            "page lets you choose the model. Weights must be safetensors.",
            icon=":material/info:",
        )


def _group(task: str, cards: list[Card]) -> None:
    st.subheader(TITLES[task], anchor=False)
    if not cards:
        st.caption("None yet.")
    grid(cards, partial(_card, task))


def _card(task: str, card: Card) -> None:
    now = locate(card)
    badge = ICONS.get(now, ":gray-badge[:material/download: {}]").format(literal(whereabouts(card, now)))
    st.markdown(f"**{literal(card.label)}**  \n{badge}")
    if card.score:
        st.markdown(f":material/target: {literal(card.score)}")
    st.caption(literal(brief(card)))
    with st.expander("Details and methods"):
        listed(card)
    icon = ":material/arrow_forward:"
    st.page_link(f"pages/{task}.py", label="Explain it", icon=icon, query_params={"model": card.key})


main()
