"""The sanity check on a page: a button, and what is left of the map as the model's weights become random.

Knows Explanations, no model.
"""

import streamlit as st

from explainers import Explanation
from explainers.engine import canonical
from explainers.sanity import sanity as check
from explainers.views.sanity import alt, decline, verdict

from . import drawn
from .words import literal
from .work import answered

WHAT = (
    "A map that shows what this model has learnt must change when the model forgets. On a copy of it, every layer's "
    "weights are made random, from the head down, and the map is computed anew after each."
)


def sanity(explanation: Explanation, key: str, row: int = 0) -> None:
    """The check of the map of a row, once somebody asks for it."""
    own, request = f"{key}.sanity", canonical(explanation.request)
    question = ("sanity", request, row)
    st.caption(WHAT)
    if st.button("Make the model forget, layer by layer", key=f"{own}.go", icon=":material/shuffle:"):
        st.session_state[f"{own}.asked"] = question
    if st.session_state.get(f"{own}.asked") != question:
        return
    steps = answered(
        question,
        lambda progress: check(request, row=row, progress=progress),
        f"{own}.asked",
        f"sanity check, task {request.task}, model {request.model}",
    )
    if steps:
        st.markdown(literal(verdict(steps)))
        drawn.chart(decline(steps), alt(steps), f"{own}.decline", config={"displayModeBar": False})
        st.caption("The grey band holds 19 of 20 rankings that have nothing to do with the original.")
