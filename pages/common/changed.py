"""The panel that changes the text, explains it again, and shows what that changed: a difference, piece by piece.

Knows Explanations; how two of them align is `explainers.difference`'s to say.
"""

from dataclasses import replace

import streamlit as st

from explainers import TASKS, ExplainerError, Explanation, Request
from explainers.difference import difference
from explainers.results.granularity import Grouping, grouped
from explainers.serving.service import backend
from explainers.views.crosstab import alt, crosstab
from explainers.views.html import lead
from explainers.views.telling import wrote
from explainers.views.text import likelihood
from pages.common import drawn
from pages.common.words import literal
from pages.common.work import worked

LEAD = (
    "Change a word and see what it changes. The two texts are laid side by side; where their pieces align, the scores "
    "of the changed text are taken from those of yours."
)
KEEP = "Ask about the same written text again, so that every token has a counterpart."


def changed(explanation: Explanation, key: str) -> None:
    """Draw the form, and the difference when its button was pressed."""
    own, request = f"{key}.changed", explanation.request
    first, written, *_ = (field.name for field in TASKS[request.task].fields)
    st.markdown(LEAD)
    st.session_state.setdefault(f"{own}.text", request.texts[first])
    with st.form(f"{own}.form", border=False):
        text = st.text_area("Changed text", key=f"{own}.text")
        keep = st.toggle("Keep what was written", value=True, key=f"{own}.keep", help=KEEP)
        if st.form_submit_button("Compare with the original", icon=":material/play_arrow:"):
            inputs = dict(request.inputs) | {first: text or "", written: explanation.prediction.text if keep else ""}
            st.session_state[f"{own}.asked"] = (request, replace(request, inputs=inputs))
    mine, theirs = st.session_state.get(f"{own}.asked", (None, None))
    if mine != request or not isinstance(theirs, Request):
        return
    other = worked(
        lambda: backend().kept(theirs),
        lambda progress: backend().explain(theirs, progress),
        f"{own}.asked",
        f"changed {theirs.task}, model {theirs.model}",
    )
    if other:
        _shown(explanation, other, key)


def _shown(one: Explanation, other: Explanation, key: str) -> None:
    try:
        one, other = (grouped(explanation, Grouping("word")) for explanation in (one, other))
        found = difference(one, other)
    except ExplainerError as error:
        st.warning(literal(str(error)))
        return
    drawn.markup(lead(f"Your text: {wrote(one)}<br>Changed: {wrote(other)}"))
    shown, figure = found.explanation, crosstab(found.explanation)
    if found.left_out:
        st.caption(f"{found.left_out} pieces have no counterpart in the other text and are left out.")
    st.markdown("Blue is stronger in your text, orange in the changed one.")
    drawn.chart(figure, alt(shown), f"{key}.difference")
    drawn.table(
        [
            {
                "written": str(shown.targets[place].label),
                "your text": likelihood(one.targets[a].probability or 0.0),
                "changed": likelihood(other.targets[b].probability or 0.0),
            }
            for place, (a, b) in enumerate(found.rows)
        ],
        "Each written token with its probability in either text",
    )
