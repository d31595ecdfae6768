"""Home: what Wherefore does, shown at once on an example."""

import streamlit as st

from pages.common.navigation import TASK_PAGES, TITLE, open_page

open_page()  # before the imports that take seconds

from explainers import TASKS, Request  # noqa: E402
from pages.common.result import explain_request, show_result  # noqa: E402
from pages.common.ui.cards import draw_grid, draw_showcases  # noqa: E402


def _draw_page_card(row: tuple[str, str, str]) -> None:
    """Draw a card that leads to the page of a task."""
    key, title, icon = row
    st.page_link(f"pages/{key}.py", label=f"**{title}**", icon=f":material/{icon}:")
    st.caption(TASKS[key].question)


st.title(TITLE, anchor=False)
st.markdown(
    "A language model read this sentence and decided whether it is positive or negative. The colours show which "
    "words pushed it towards its decision (blue), and which pushed it away (orange)."
)
task = TASKS["text_classification"]
request = Request(task.key, "sentiment", task.examples[0].inputs)
if "home.seen" not in st.session_state:
    st.session_state["home.seen"] = st.session_state["home.explain"] = True
if st.session_state.get("home.explain"):
    explanation = explain_request(request, "home.explain")
    if explanation:
        show_result(explanation, "home")
st.subheader("Where these models are right and wrong, and why", anchor=False)
draw_showcases()
st.subheader("Try your own text or image", anchor=False)
draw_grid(TASK_PAGES, _draw_page_card, columns=3)
