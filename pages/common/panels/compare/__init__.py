"""The panel that compares an explanation with those of other methods, models or baselines, or of another text."""

import streamlit as st

from explainers import TASKS, Explanation
from explainers.analyses.variants import ComparisonRequest
from pages.common.form.inputs import SECOND, Input, draw_inputs, fill_with_example
from pages.common.form.target import get_card
from pages.common.panels.compare.pickers import FROM_PANEL, explain_missing, pick_difference, pick_values
from pages.common.panels.compare.run import run_comparison
from pages.common.panels.randomization import draw_randomization


def draw(explanation: Explanation, key: str) -> None:
    """Draw what to compare and a button, the comparison once it is pressed, and the sanity check."""
    task, base, prefix = TASKS[explanation.request.task], explanation.request, f"{key}.compare"
    by = pick_difference(task, prefix)
    chosen = pick_values(task, by, base, get_card(task, base.model), prefix)
    second: dict[str, Input] = {}
    if by == "text":
        fill_with_example(task, SECOND)
        second = draw_inputs(task, SECOND)
    if missing := explain_missing(by, base, chosen):
        st.info(missing)
        return
    draft = ComparisonRequest(by, base, chosen, tuple((name, str(text)) for name, text in second.items()))
    with st.container(horizontal=True):
        if st.button("Compare", key=f"{prefix}.go", icon=":material/compare:", type="primary"):
            # not in a callback, which would hold the text before a change
            st.session_state[f"{prefix}.request"] = draft
        if st.button("Open on the Compare page", key=f"{prefix}.away", icon=":material/arrow_forward:"):
            st.session_state[FROM_PANEL] = draft
            st.switch_page("pages/compare.py")
    comparison = st.session_state.get(f"{prefix}.request")
    if isinstance(comparison, ComparisonRequest) and comparison.base == base:
        run_comparison(comparison, prefix)
    st.subheader("Sanity check", anchor=False)
    draw_randomization(explanation, key, int(st.session_state.get(f"{key}.row") or 0))
