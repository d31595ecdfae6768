"""Compare: explanations by several methods, models or baselines, or of two texts, side by side."""

import streamlit as st

from pages.common.navigation import open_page

open_page()  # before the imports that take seconds

from explainers import TASKS  # noqa: E402
from pages.common.comparison_page import show_comparison_page  # noqa: E402

st.title("Compare", anchor=False)
st.markdown(
    "Explain the same thing in several ways, side by side: with other methods, other models, other baselines, or "
    "another text. What stays the same in all of them is more likely to be about the model."
)
show_comparison_page(TASKS)
