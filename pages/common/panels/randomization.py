"""The sanity check: how the explanation changes as the model's weights become random."""

import streamlit as st

from explainers import Explanation
from explainers.analyses.model_randomization import randomise_model as check
from explainers.engine import canonicalize
from explainers.visualization.charts.randomization import describe_decline, describe_randomization, draw_decline
from pages.common.ui.html import draw_chart
from pages.common.ui.markdown import escape
from pages.common.ui.progress import answer_with_progress

LEAD = (
    "An explanation of what the model has learnt must change when its weights become random. On a copy of the model, "
    "the layers are randomised one after the other, from the output to the input, and each time it is explained again."
)
METHOD = "Cascading model randomisation (Adebayo et al., 2018)."


def draw_randomization(explanation: Explanation, key: str, row: int = 0) -> None:
    """Draw the check of the explanation of one target, computed when its button is pressed."""
    prefix, request = f"{key}.sanity", canonicalize(explanation.request)
    question = ("sanity", request, row)
    st.caption(LEAD)
    if st.button("Randomise the weights, layer by layer", key=f"{prefix}.go", icon=":material/shuffle:", help=METHOD):
        st.session_state[f"{prefix}.question"] = question
    if st.session_state.get(f"{prefix}.question") != question:
        return
    steps = answer_with_progress(
        question,
        lambda progress: check(request, row=row, progress=progress),
        f"{prefix}.question",
        f"sanity check, task {request.task}, model {request.model}",
    )
    if steps:
        st.markdown(escape(describe_randomization(steps)))
        draw_chart(draw_decline(steps), describe_decline(steps), f"{prefix}.decline", config={"displayModeBar": False})
        st.caption("The grey band holds 95 % of random rankings, which have nothing to do with the original.")
