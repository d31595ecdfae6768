"""The panel that compares a result with what other methods, models, baselines or another text give.

Knows Explanations; nothing is computed before somebody asks.
"""

import streamlit as st

from explainers import TASKS, Explanation
from explainers.variants import Variants

from . import comparing, inputs, targets
from .compared import compared
from .sanity import sanity


def compare(explanation: Explanation, key: str) -> None:
    """What differs, between what, and a button; or the same on a page of its own. Below it the sanity check."""
    task, base, own = TASKS[explanation.request.task], explanation.request, f"{key}.compare"
    by = comparing.difference(task, own)
    chosen = comparing.values(task, by, base, targets.card(task, base.model), own)
    second: dict[str, inputs.Given] = {}
    if by == "text":
        inputs.first_visit(task, inputs.SECOND)
        second = inputs.given(task, inputs.SECOND)
    if missing := comparing.short_of(by, base, chosen):
        st.info(missing)
        return
    variants = Variants(by, base, chosen, tuple((name, str(text)) for name, text in second.items()))
    with st.container(horizontal=True):
        if st.button("Compare", key=f"{own}.go", icon=":material/compare:", type="primary"):
            st.session_state[f"{own}.asked"] = variants  # not in a callback, which would hold the text before a change
        if st.button("Open on the Compare page", key=f"{own}.away", icon=":material/arrow_forward:"):
            st.session_state[comparing.BROUGHT] = variants
            st.switch_page("pages/compare.py")
    asked = st.session_state.get(f"{own}.asked")
    if isinstance(asked, Variants) and asked.base == base:
        compared(asked, own)
    st.subheader("Sanity check", anchor=False)
    sanity(explanation, key, int(st.session_state.get(f"{key}.row") or 0))
