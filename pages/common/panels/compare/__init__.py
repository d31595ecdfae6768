"""The panel that compares an explanation with those of other methods, models or baselines, or of another text."""

import streamlit as st

from explainers import TASKS, Explanation
from explainers.analyses.variants import ComparisonRequest
from pages.common.form.inputs import SECOND, Given, draw_inputs, fill_with_example
from pages.common.form.target import get_card
from pages.common.panels.compare.pickers import BROUGHT, explain_missing, pick_difference, pick_values
from pages.common.panels.compare.run import run_comparison
from pages.common.panels.randomization import draw_randomization


def draw(explanation: Explanation, key: str) -> None:
    """Draw what to compare and a button, the comparison once it is pressed, and the sanity check."""
    task, base, own = TASKS[explanation.request.task], explanation.request, f"{key}.compare"
    by = pick_difference(task, own)
    chosen = pick_values(task, by, base, get_card(task, base.model), own)
    second: dict[str, Given] = {}
    if by == "text":
        fill_with_example(task, SECOND)
        second = draw_inputs(task, SECOND)
    if missing := explain_missing(by, base, chosen):
        st.info(missing)
        return
    variants = ComparisonRequest(by, base, chosen, tuple((name, str(text)) for name, text in second.items()))
    with st.container(horizontal=True):
        if st.button("Compare", key=f"{own}.go", icon=":material/compare:", type="primary"):
            st.session_state[f"{own}.asked"] = variants  # not in a callback, which would hold the text before a change
        if st.button("Open on the Compare page", key=f"{own}.away", icon=":material/arrow_forward:"):
            st.session_state[BROUGHT] = variants
            st.switch_page("pages/compare.py")
    asked = st.session_state.get(f"{own}.asked")
    if isinstance(asked, ComparisonRequest) and asked.base == base:
        run_comparison(asked, own)
    st.subheader("Sanity check", anchor=False)
    draw_randomization(explanation, key, int(st.session_state.get(f"{key}.row") or 0))
