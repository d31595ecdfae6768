"""Home: what Wherefore does, shown at once on an example.

Knows Requests alone.
"""

import streamlit as st

from pages.common.frame import TASK_PAGES, TITLE, self_sufficient

self_sufficient()  # before the imports that take seconds

from explainers import TASKS, Request  # noqa: E402
from pages.common.grid import grid  # noqa: E402
from pages.common.results import computed, show  # noqa: E402
from pages.common.showcases import showcases  # noqa: E402


def _page(row: tuple[str, str, str]) -> None:
    """A card that leads to the page of a task."""
    key, title, icon = row
    st.page_link(f"pages/{key}.py", label=f"**{title}**", icon=f":material/{icon}:")
    st.caption(TASKS[key].question)


st.title(TITLE, anchor=False)
st.markdown(
    "A transformer model read this sentence and chose a label. The colours show which words pushed it there, and "
    "which pushed the other way."
)
task = TASKS["text_classification"]
request = Request(task.key, "sentiment", task.examples[0].inputs)
if "home.seen" not in st.session_state:
    st.session_state["home.seen"] = st.session_state["home.asked"] = True
if st.session_state.get("home.asked"):
    explanation = computed(request, "home.asked")
    if explanation:
        show(explanation, "home")
st.subheader("What the models here get right and wrong, and why", anchor=False)
showcases()
st.subheader("Ask about your own", anchor=False)
grid(TASK_PAGES, _page, columns=3)
