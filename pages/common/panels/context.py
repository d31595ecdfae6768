"""The panel that finds which generated words depend on a context, and on which words in it (PECoRe)."""

import streamlit as st

from explainers import TASKS, Explanation
from explainers.analyses.context_reliance import (
    CURRENT,
    ContextReliance,
    ContextRequest,
    Measure,
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
    "kl_divergence": "KL divergence of all next words",
    "p_cxmi": "P-CXMI of the generated word",
}
PROMPT_PART, SYSTEM_PROMPT = "before the text", "as the system prompt"
LEAD = (
    "Give the context separately: the model then reads the text once with it and once without. Generated words whose "
    "probability depends on the context are attributed to words in it (PECoRe)."
)


def draw(explanation: Explanation, key: str) -> None:
    """Draw the form, and the result once its button is pressed."""
    prefix = f"{key}.context"
    st.markdown(LEAD)
    with st.form(f"{prefix}.form", border=False):
        draft = _draw_form(explanation, prefix)
        if st.form_submit_button("Find what depends on the context", icon=":material/play_arrow:"):
            st.session_state[f"{prefix}.question"] = draft
    question: ContextRequest | None = st.session_state.get(f"{prefix}.question")
    if question is None or question.request.model != explanation.request.model:
        return
    reliance = answer_with_progress(
        question,
        lambda progress: trace_context(question, progress=progress),
        f"{prefix}.question",
        f"context of {question.request.task}, model {question.request.model}",
    )
    if reliance:
        _show(reliance, question)


def _draw_form(explanation: Explanation, prefix: str) -> ContextRequest:
    """Draw the form, filled with the texts of the result, and return its question."""
    request = explanation.request
    name = TASKS[request.task].fields[0].name
    system = request.texts.get(SYSTEM, "")
    before, after = (system, request.texts[name]) if system else split_context(request.texts[name])
    chats = SYSTEM in {field.name for field in TASKS[request.task].fields}
    st.session_state.setdefault(f"{prefix}.text", before)
    st.session_state.setdefault(f"{prefix}.current", after)
    context = st.text_area("Context", key=f"{prefix}.text", placeholder="The text that comes before.")
    current = st.text_area("Text after the context", key=f"{prefix}.current")
    kinds = [PROMPT_PART, SYSTEM_PROMPT] if chats else [PROMPT_PART]
    with st.container(horizontal=True):
        kind = st.selectbox("Context goes", kinds, index=1 if system else 0, key=f"{prefix}.kind")
        template = st.text_input(
            "Template", TEMPLATE, key=f"{prefix}.template", help="How context and text are joined."
        )
        measure = st.selectbox(
            "Measure change in", list(MEASURES), format_func=MEASURES.__getitem__, key=f"{prefix}.measure"
        )
    with st.container(horizontal=True):
        words = "Standard deviations above the mean from which a word counts."
        tokens = st.number_input(
            "Threshold for generated words", -2.0, 5.0, 1.0, 0.5, key=f"{prefix}.tokens", help=words
        )
        cues = st.number_input("Threshold for context words", -2.0, 5.0, 1.0, 0.5, key=f"{prefix}.cues", help=words)
        most = st.number_input("Explain at most", 1, 50, 8, key=f"{prefix}.most")
    forced = request.texts.get(PREFIX, "")
    with st.expander("The context in the output", expanded=bool(forced)):
        st.caption(
            "A model that translates several sentences also writes the translation of the context, before the rest."
        )
        out = st.text_input(
            "Output template",
            TEMPLATE if forced else CURRENT,
            key=f"{prefix}.out",
            help=f"What is generated with the context; without it, only {CURRENT} is. Example: {TEMPLATE}.",
        )
        context_output = st.text_input(
            "Context as generated",
            forced,
            key=f"{prefix}.context_output",
            placeholder="Empty: what the model generates for the context alone.",
        )
    inputs = {field: text for field, text in request.texts.items() if field not in (name, SYSTEM, PREFIX)} | {
        name: current or ""
    }
    if system and kind == PROMPT_PART:
        inputs[SYSTEM] = system
    base = type(request)(request.task, request.model, inputs, request.method, params=request.params, seed=request.seed)
    template_used = "" if kind == SYSTEM_PROMPT else template
    return ContextRequest(
        base,
        context or "",
        template_used,
        out or CURRENT,
        context_output or "",
        measure or "kl_divergence",
        tokens,
        cues,
        int(most),
    )


def _show(reliance: ContextReliance, question: ContextRequest) -> None:
    """Draw the answer in a sentence, both texts side by side, and a row for each word that depends on the context."""
    sources = [list_words(cue.explanation, list(cue.cues)) for cue in reliance.tokens]
    rows = [cue.row for cue in reliance.tokens]
    sentence = describe_reliance(reliance.explanation, list(zip(rows, sources, strict=True)))
    draw_html(f"<style>{CSS}</style>{render_lead(sentence)}")
    left, right = st.columns(2)
    with left:
        st.markdown("**With the context**")
        draw_html(render_marked(reliance.explanation, rows, reliance.explanation.source_texts.get(PREFIX, "")))
    with right:
        st.markdown("**Without the context**")
        draw_html(render_plain(reliance.without.text))
    if reliance.tokens:
        each = [(cue.row, cue.alternative, sources[i]) for i, cue in enumerate(reliance.tokens)]
        draw_table(list_rows(reliance.explanation, reliance.values, each), "Each word that depends on the context")
    st.caption(f"A word counts from a {MEASURES[question.measure]} of {reliance.threshold:.3g}.")
