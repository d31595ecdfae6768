"""The text that a model wrote, each piece coloured by what it was made from as soon as it is pointed at.

Knows Explanations; what is drawn is `views.generation`'s to say, and nothing of it comes back: no rerun.
"""

import streamlit as st

from explainers import Explanation
from explainers.views.generation import CSS, HTML, SCRIPT, payload

DRAW = """
export default function ({ data, parentElement }) { wherefore(parentElement.querySelector(".wf-g"), data); }
"""
GENERATION = st.components.v2.component("wherefore_generation", html=HTML, css=CSS, js=SCRIPT + DRAW)


def interactive(explanation: Explanation, key: str) -> None:
    """Draw the written text with what each piece was made from."""
    GENERATION(data=payload(explanation), key=f"{key}.generation")
