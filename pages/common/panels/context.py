"""The panel that finds which generated words depend on a context, and on which words in it (PECoRe)."""

import streamlit as st

from explainers import TASKS, Explanation
from explainers.analyses.context_reliance import (
    CURRENT,
    ContextQuestion,
    Measure,
    Reliance,
    split_context,
    trace_context,
)
from explainers.tasks.generation.prompts import PREFIX, SYSTEM
from explainers.visualization.html import render_lead
from explainers.visualization.summaries.context_reliance import (
    CSS,
    describe_reliance,
    list_rows,
    list_words,
    render_marked,
    render_plain,
)
from pages.common.ui.html import draw_html, draw_table
from pages.common.ui.progress import answer_with_progress

TEMPLATE = f"{{context}} {CURRENT}"
MEASURES: dict[Measure, str] = {
    "kl_divergence": "all next-word probabilities (KL divergence)",
    "p_cxmi": "the generated word only (P-CXMI)",
}
PROMPT_PART, SYSTEM_PROMPT = "before the text", "as the system prompt"
LEAD = (
    "Give the context separately: the model then reads the text once with it and once without. Generated words whose "
    "probability depends on the context are attributed to words in it (PECoRe)."
)


def draw(explanation: Explanation, key: str) -> None:
    """Draw the form, and the result once its button is pressed."""
    own = f"{key}.context"
    st.markdown(LEAD)
    with st.form(f"{own}.form", border=False):
        question = _draw_form(explanation, own)
        if st.form_submit_button("Find what depends on the context", icon=":material/play_arrow:"):
            st.session_state[f"{own}.asked"] = question
    asked: ContextQuestion | None = st.session_state.get(f"{own}.asked")
    if asked is None or asked.request.model != explanation.request.model:
        return
    found = answer_with_progress(
        asked,
        lambda progress: trace_context(asked, progress=progress),
        f"{own}.asked",
        f"context of {asked.request.task}, model {asked.request.model}",
    )
    if found:
        _show(found, asked)


def _draw_form(explanation: Explanation, own: str) -> ContextQuestion:
    """Draw the form, filled with the texts of the result, and return what it asks."""
    request = explanation.request
    name = TASKS[request.task].fields[0].name
    system = request.texts.get(SYSTEM, "")
    before, current = (system, request.texts[name]) if system else split_context(request.texts[name])
    chats = SYSTEM in {field.name for field in TASKS[request.task].fields}
    st.session_state.setdefault(f"{own}.text", before)
    st.session_state.setdefault(f"{own}.current", current)
    given = st.text_area("Context", key=f"{own}.text", placeholder="The text that comes before.")
    left = st.text_area("Text after the context", key=f"{own}.current")
    kinds = [PROMPT_PART, SYSTEM_PROMPT] if chats else [PROMPT_PART]
    with st.container(horizontal=True):
        kind = st.selectbox("Context goes", kinds, index=1 if system else 0, key=f"{own}.kind")
        template = st.text_input("Template", TEMPLATE, key=f"{own}.template", help="How context and text are joined.")
        measure = st.selectbox(
            "Measure change in", list(MEASURES), format_func=MEASURES.__getitem__, key=f"{own}.measure"
        )
    with st.container(horizontal=True):
        words = "Standard deviations above the mean from which a word counts."
        tokens = st.number_input("Threshold for generated words", -2.0, 5.0, 1.0, 0.5, key=f"{own}.tokens", help=words)
        cues = st.number_input("Threshold for context words", -2.0, 5.0, 1.0, 0.5, key=f"{own}.cues", help=words)
        most = st.number_input("Explain at most", 1, 50, 8, key=f"{own}.most")
    written = request.texts.get(PREFIX, "")
    with st.expander("The context in the output", expanded=bool(written)):
        st.caption(
            "A model that translates several sentences also writes the translation of the context, before the rest."
        )
        out = st.text_input(
            "Output template",
            TEMPLATE if written else CURRENT,
            key=f"{own}.out",
            help=f"What is generated with the context; without it, only {CURRENT} is. Example: {TEMPLATE}.",
        )
        told = st.text_input(
            "Context as generated",
            written,
            key=f"{own}.told",
            placeholder="Empty: what the model generates for the context alone.",
        )
    aside = (name, SYSTEM, PREFIX)
    inputs = {field: text for field, text in request.texts.items() if field not in aside} | {name: left or ""}
    if system and kind == PROMPT_PART:
        inputs[SYSTEM] = system
    base = type(request)(request.task, request.model, inputs, request.method, params=request.params, seed=request.seed)
    shape = "" if kind == SYSTEM_PROMPT else template
    return ContextQuestion(
        base, given or "", shape, out or CURRENT, told or "", measure or "kl_divergence", tokens, cues, int(most)
    )


def _show(found: Reliance, asked: ContextQuestion) -> None:
    """Draw the answer in a sentence, both texts side by side, and a row for each word that depends on the context."""
    sources = [list_words(cue.explanation, list(cue.places)) for cue in found.cues]
    rows = [cue.row for cue in found.cues]
    answer = describe_reliance(found.explanation, list(zip(rows, sources, strict=True)))
    draw_html(f"<style>{CSS}</style>{render_lead(answer)}")
    left, right = st.columns(2)
    with left:
        st.markdown("**With the context**")
        draw_html(render_marked(found.explanation, rows, found.explanation.source_texts.get(PREFIX, "")))
    with right:
        st.markdown("**Without the context**")
        draw_html(render_plain(found.without.text))
    if found.cues:
        each = [(cue.row, cue.instead, sources[i]) for i, cue in enumerate(found.cues)]
        draw_table(list_rows(found.explanation, found.values, each), "Each word that depends on the context")
    st.caption(f"A word counts from a change of {found.threshold:.3g} (in {MEASURES[asked.measure]}).")
