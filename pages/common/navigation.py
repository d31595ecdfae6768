"""The title and the navigation of every page.

It imports nothing heavy, so that a first visitor sees it while torch is still being imported.
"""

from contextvars import ContextVar
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

HERE, ARRIVED = "page", "arrived from another page"  # session state
DRAWN: ContextVar[bool] = ContextVar("DRAWN", default=False)
ICON = Path(__file__).parents[2] / "assets" / "icon.png"  # Streamlit would look in the working directory
TITLE = "Wherefore: why did the model say that?"
HOME = ("home", "Home", "home")
TASK_PAGES = (
    ("text_classification", "Text classification", "sell"),
    ("pair_classification", "Pair classification", "compare_arrows"),
    ("multi_label_classification", "Multi-label classification", "checklist"),
    ("zero_shot_classification", "Zero-shot classification", "edit_note"),
    ("question_answering", "Question answering", "quiz"),
    ("token_classification", "Named entities", "person_pin"),
    ("fill_mask", "Masked words", "space_bar"),
    ("text_generation", "Text generation", "edit"),
    ("translation", "Translation", "translate"),
    ("image_classification", "Image classification", "image"),
)
MORE = (("compare", "Compare", "compare"), ("models", "Models", "deployed_code"), ("about", "About", "info"))


def draw_navigation() -> StreamlitPage:
    """Draw title and navigation, and return the page that the address names."""
    DRAWN.set(True)
    st.set_page_config(page_title=TITLE, page_icon=ICON, layout="wide")
    sections = {"": (HOME,), "Explain": TASK_PAGES, "More": MORE}
    page = st.navigation({name: [_make_page(*row) for row in rows] for name, rows in sections.items()}, expanded=True)
    st.session_state[ARRIVED] = st.session_state.get(HERE) != page.url_path
    st.session_state[HERE] = page.url_path
    return page


def _make_page(key: str, title: str, icon: str) -> StreamlitPage:
    address = None if key == HOME[0] else key
    return st.Page(f"pages/{key}.py", title=title, icon=f":material/{icon}:", url_path=address, default=not address)


def open_page() -> None:
    """Draw the navigation if app.py has not; every page calls this first.

    On a fresh server, Streamlit runs the page of a shared link without app.py until the navigation was drawn once.
    """
    if not DRAWN.get():
        draw_navigation()
        st.rerun()


def show_task(key: str) -> None:
    """Draw the page of a task, below the navigation; the imports of the library take seconds."""
    open_page()
    from explainers import TASKS
    from pages.common.workbench import show_workbench

    show_workbench(TASKS[key])
