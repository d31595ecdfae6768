"""The panel that edits the input of a generation, explains it again, and shows the difference of the two."""

from dataclasses import replace

import streamlit as st

from explainers import TASKS, ExplainerError, Explanation, Request
from explainers.analyses.difference import subtract
from explainers.analyses.generation_requests import force_output, release_output
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
    prefix, request = f"{key}.changed", explanation.request
    first = TASKS[request.task].fields[0].name
    st.markdown(LEAD)
    st.session_state.setdefault(f"{prefix}.text", request.texts[first])
    with st.form(f"{prefix}.form", border=False):
        text = st.text_area("Edited text", key=f"{prefix}.text")
        keep = st.toggle("Keep the generated text", value=True, key=f"{prefix}.keep", help=KEEP)
        if st.form_submit_button("Compare with the original", icon=":material/play_arrow:"):
            edited = replace(request, inputs=dict(request.inputs) | {first: text or ""})
            edited = force_output(edited, explanation.prediction) if keep else release_output(edited)
            st.session_state[f"{prefix}.requests"] = (request, edited)
    original, edited = st.session_state.get(f"{prefix}.requests", (None, None))
    if original != request or not isinstance(edited, Request):
        return
    changed = run_with_progress(
        lambda: service().find_explanation(edited),
        lambda progress: service().explain(edited, progress),
        f"{prefix}.requests",
        f"edited {edited.task}, model {edited.model}",
    )
    if changed:
        _show(explanation, changed, key)


def _show(original: Explanation, changed: Explanation, key: str) -> None:
    try:
        original, changed = (aggregate(explanation, Grouping("word")) for explanation in (original, changed))
        difference = subtract(original, changed)
    except ExplainerError as error:
        st.warning(escape(str(error)))
        return
    draw_html(render_lead(f"Your text: {describe_generation(original)}<br>Edited: {describe_generation(changed)}"))
    shown, figure = difference.explanation, draw_matrix(difference.explanation)
    if difference.left_out:
        st.caption(f"{difference.left_out} words have no counterpart in the other text and are left out.")
    st.markdown("Blue: higher score in your text. Orange: higher score in the edited text.")
    draw_chart(figure, describe_matrix(shown), f"{key}.difference")
    draw_table(
        [
            {
                "generated": str(shown.targets[place].label),
                "your text": format_probability(original.targets[a].probability or 0.0),
                "edited": format_probability(changed.targets[b].probability or 0.0),
            }
            for place, (a, b) in enumerate(difference.rows)
        ],
        "Each generated word with its probability for either text",
    )
