"""The panel that edits the input of a generation, explains it again, and shows the difference of the two."""

from dataclasses import replace

import streamlit as st

from explainers import TASKS, ExplainerError, Explanation, Request
from explainers.analyses.difference import subtract
from explainers.results.granularity import Grouping, aggregate
from explainers.serving.service import service
from explainers.visualization.charts.generation_matrix import describe_matrix, draw_matrix
from explainers.visualization.html import render_lead
from explainers.visualization.summaries.generation import describe_generation
from explainers.visualization.text.format import format_probability
from pages.common.ui.html import draw_chart, draw_html, draw_table
from pages.common.ui.markdown import escape
from pages.common.ui.progress import run_with_progress

LEAD = (
    "Edit the text and see how the explanation changes. Where words of the two texts correspond, the scores for the "
    "edited text are subtracted from the scores for yours."
)
KEEP = "Explain the same generated text for both, so that every token has a counterpart."


def draw(explanation: Explanation, key: str) -> None:
    """Draw the form, and the difference once its button is pressed."""
    own, request = f"{key}.changed", explanation.request
    first, written, *_ = (field.name for field in TASKS[request.task].fields)
    st.markdown(LEAD)
    st.session_state.setdefault(f"{own}.text", request.texts[first])
    with st.form(f"{own}.form", border=False):
        text = st.text_area("Edited text", key=f"{own}.text")
        keep = st.toggle("Keep the generated text", value=True, key=f"{own}.keep", help=KEEP)
        if st.form_submit_button("Compare with the original", icon=":material/play_arrow:"):
            inputs = dict(request.inputs) | {first: text or "", written: explanation.prediction.text if keep else ""}
            st.session_state[f"{own}.asked"] = (request, replace(request, inputs=inputs))
    mine, theirs = st.session_state.get(f"{own}.asked", (None, None))
    if mine != request or not isinstance(theirs, Request):
        return
    other = run_with_progress(
        lambda: service().find_explanation(theirs),
        lambda progress: service().explain(theirs, progress),
        f"{own}.asked",
        f"changed {theirs.task}, model {theirs.model}",
    )
    if other:
        _show(explanation, other, key)


def _show(one: Explanation, other: Explanation, key: str) -> None:
    try:
        one, other = (aggregate(explanation, Grouping("word")) for explanation in (one, other))
        found = subtract(one, other)
    except ExplainerError as error:
        st.warning(escape(str(error)))
        return
    draw_html(render_lead(f"Your text: {describe_generation(one)}<br>Edited: {describe_generation(other)}"))
    shown, figure = found.explanation, draw_matrix(found.explanation)
    if found.left_out:
        st.caption(f"{found.left_out} words have no counterpart in the other text and are left out.")
    st.markdown("Blue: higher score in your text. Orange: higher score in the edited one.")
    draw_chart(figure, describe_matrix(shown), f"{key}.difference")
    draw_table(
        [
            {
                "generated": str(shown.targets[place].label),
                "your text": format_probability(one.targets[a].probability or 0.0),
                "edited": format_probability(other.targets[b].probability or 0.0),
            }
            for place, (a, b) in enumerate(found.rows)
        ],
        "Each generated word with its probability for either text",
    )
