"""Models: a card for each in the catalogue, with its accuracy, where it is now and which methods work on it."""

from functools import partial

import streamlit as st

from pages.common.navigation import TASK_PAGES, open_page

open_page()  # before the imports that take seconds

from explainers import CARDS  # noqa: E402
from explainers.models.card import Card  # noqa: E402
from explainers.models.loading import locate  # noqa: E402
from explainers.settings import settings  # noqa: E402
from explainers.visualization.html import render_pairs  # noqa: E402
from explainers.visualization.summaries.model_card import describe_location, list_facts, summarize_card  # noqa: E402
from pages.common.ui.cards import draw_grid  # noqa: E402
from pages.common.ui.html import draw_html  # noqa: E402
from pages.common.ui.markdown import escape  # noqa: E402

ICONS = {"loaded": ":blue-badge[:material/bolt: {}]", "here": ":blue-badge[:material/check: {}]"}
TITLES = {key: title for key, title, _ in TASK_PAGES}


def main() -> None:
    """Draw the filters, and a group of cards for each task."""
    st.title("Models", anchor=False)
    st.markdown(
        "The models that come with Wherefore or can be downloaded: what each can do, and how often it was right in "
        "our tests."
    )
    chosen = st.pills("Task", list(TITLES), format_func=TITLES.__getitem__, key="models.task", persist_state="session")
    no_hub = st.toggle("Only models that need no download", key="models.no_hub", persist_state="session")
    for task in [chosen] if chosen else TITLES:
        _draw_group(
            task, [card for card in CARDS.values() if task in card.tasks and not (no_hub and card.source == "hub")]
        )
    if settings().any_model:
        st.info(
            "Most other models from Hugging Face work too: type the id, or the path of a folder, into the Model box "
            "of a task's page. The weights must be in safetensors format.",
            icon=":material/info:",
        )


def _draw_group(task: str, cards: list[Card]) -> None:
    st.subheader(TITLES[task], anchor=False)
    if not cards:
        st.caption("None yet.")
    draw_grid(cards, partial(_draw_card, task))


def _draw_card(task: str, card: Card) -> None:
    location = locate(card)
    badge = ICONS.get(location, ":gray-badge[:material/download: {}]").format(escape(describe_location(card, location)))
    st.markdown(f"**{escape(card.label)}**  \n{badge}")
    if card.score:
        st.markdown(f":material/target: {escape(card.score)}")
    st.caption(escape(summarize_card(card)))
    with st.expander("Details"):
        draw_html(render_pairs(list_facts(card)))
    icon = ":material/arrow_forward:"
    st.page_link(f"pages/{task}.py", label="Use this model", icon=icon, query_params={"model": card.key})


main()
