"""The frame of every page: its title, the navigation, the place where progress and errors are shown.

Knows no task: app.py draws it, or a page that a shared link opened before app.py ever ran.
"""

import gc
from contextvars import ContextVar
from functools import cache

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explainers import TASKS
from explainers.settings import settings

DRAWN: ContextVar[bool] = ContextVar("DRAWN", default=False)
TITLE = "Wherefore: why did the model say that?"
ICONS = {"text_classification": ":material/sell:"}


def framed() -> StreamlitPage:
    """Draw the frame once a run, and return the page that the address names."""
    DRAWN.set(True)
    _settle()
    st.set_page_config(page_title=TITLE, page_icon=":material/contrast:", layout="wide")
    tasks = [
        st.Page(f"pages/{key}.py", title=task.label, icon=ICONS[key], url_path=key, help=task.question)
        for key, task in TASKS.items()
    ]
    home = st.Page("pages/home.py", title="Home", icon=":material/home:", default=True)
    about = st.Page("pages/about.py", title="About", icon=":material/info:", url_path="about")
    return st.navigation({"": [home], "Explain": tasks, "More": [about]}, expanded=True)


def self_sufficient() -> None:
    """To be called first on every page: a page that a link opened on a fresh server runs without app.py once.

    Streamlit treats `pages/` as its own until some visitor has run app.py; drawing the navigation turns that off.
    """
    if not DRAWN.get():
        framed()
        st.rerun()


@cache
def _settle() -> None:
    """Take what the imports made out of the garbage collector's sight: Streamlit collects after every run."""
    settings()  # a wrong environment shows at the first page, not at the first explanation
    gc.collect()
    gc.freeze()
