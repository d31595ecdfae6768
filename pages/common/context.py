"""The panel that asks which written words depend on a context, and on what in it.

Knows Explanations; what depends on what is computed in `explainers.generation.context`.
"""

import streamlit as st

from explainers import TASKS, Explanation
from explainers.generation.context import CURRENT, Measure, Question, Reliance, reliance, split
from explainers.generation.openings import PREFIX, SYSTEM
from explainers.views.html import lead
from explainers.views.reliance import CSS, lines, marked, plainly, said, words

from . import drawn
from .work import answered

TEMPLATE = f"{{context}} {CURRENT}"
MEASURES: dict[Measure, str] = {"kl_divergence": "all that it might write", "p_cxmi": "what it did write"}
PROMPT_PART, SYSTEM_PROMPT = "goes before the text", "is the system prompt"
LEAD = (
    "Give the context by itself: the text is then read once with it and once without it. Written words that the model "
    "expects otherwise without the context are traced back to words of the context."
)


def context(explanation: Explanation, key: str) -> None:
    """Draw the form, and what was found when its button was pressed."""
    own = f"{key}.context"
    st.markdown(LEAD)
    with st.form(f"{own}.form", border=False):
        question = _question(explanation, own)
        if st.form_submit_button("Find what depends on the context", icon=":material/play_arrow:"):
            st.session_state[f"{own}.asked"] = question
    asked: Question | None = st.session_state.get(f"{own}.asked")
    if asked is None or asked.request.model != explanation.request.model:
        return
    found = answered(
        asked,
        lambda progress: reliance(asked, progress=progress),
        f"{own}.asked",
        f"context of {asked.request.task}, model {asked.request.model}",
    )
    if found:
        _shown(found, asked)


def _question(explanation: Explanation, own: str) -> Question:
    """What the widgets say, filled with the result's own texts."""
    request = explanation.request
    name = TASKS[request.task].fields[0].name
    system = request.texts.get(SYSTEM, "")
    before, current = (system, request.texts[name]) if system else split(request.texts[name])
    chats = SYSTEM in {field.name for field in TASKS[request.task].fields}
    st.session_state.setdefault(f"{own}.text", before)
    st.session_state.setdefault(f"{own}.current", current)
    given = st.text_area("Context", key=f"{own}.text", placeholder="What the text is read after.")
    left = st.text_area("Text after the context", key=f"{own}.current")
    kinds = [PROMPT_PART, SYSTEM_PROMPT] if chats else [PROMPT_PART]
    with st.container(horizontal=True):
        kind = st.selectbox("The context", kinds, index=1 if system else 0, key=f"{own}.kind")
        template = st.text_input("Template", TEMPLATE, key=f"{own}.template", help="How both become one text.")
        measure = st.selectbox("Compare", list(MEASURES), format_func=MEASURES.__getitem__, key=f"{own}.measure")
    with st.container(horizontal=True):
        words = "How many standard deviations above the mean it takes to count."
        tokens = st.number_input("Threshold for written words", -2.0, 5.0, 1.0, 0.5, key=f"{own}.tokens", help=words)
        cues = st.number_input("Threshold for the context", -2.0, 5.0, 1.0, 0.5, key=f"{own}.cues", help=words)
        most = st.number_input("Trace at most", 1, 50, 8, key=f"{own}.most")
    written = request.texts.get(PREFIX, "")
    with st.expander("The context in what is written", expanded=bool(written)):
        st.caption("A model that translates several sentences writes the context too, before the rest.")
        out = st.text_input(
            "Output template",
            TEMPLATE if written else CURRENT,
            key=f"{own}.out",
            help=f"What is written with the context; all before {CURRENT} is written with it only. Like {TEMPLATE}.",
        )
        told = st.text_input(
            "The context as it is written",
            written,
            key=f"{own}.told",
            placeholder="Leave this empty and it is what the model writes for the context alone.",
        )
    aside = (name, SYSTEM, PREFIX)
    inputs = {field: text for field, text in request.texts.items() if field not in aside} | {name: left or ""}
    if system and kind == PROMPT_PART:
        inputs[SYSTEM] = system
    base = type(request)(request.task, request.model, inputs, request.method, params=request.params, seed=request.seed)
    shape = "" if kind == SYSTEM_PROMPT else template
    return Question(
        base, given or "", shape, out or CURRENT, told or "", measure or "kl_divergence", tokens, cues, int(most)
    )


def _shown(found: Reliance, asked: Question) -> None:
    """The answer in a sentence, both texts side by side, and a row for each word that depends on the context."""
    sources = [words(cue.explanation, list(cue.places)) for cue in found.cues]
    rows = [cue.row for cue in found.cues]
    drawn.markup(f"<style>{CSS}</style>{lead(said(found.explanation, list(zip(rows, sources, strict=True))))}")
    left, right = st.columns(2)
    with left:
        st.markdown("**With the context**")
        drawn.markup(marked(found.explanation, rows, found.explanation.shown.get(PREFIX, "")))
    with right:
        st.markdown("**Without the context**")
        drawn.markup(plainly(found.without.text))
    if found.cues:
        each = [(cue.row, cue.instead, sources[i]) for i, cue in enumerate(found.cues)]
        drawn.table(lines(found.explanation, found.values, each), "Each word that depends on the context")
    st.caption(f"Counted are words whose measure is at least {found.threshold:.3g} ({MEASURES[asked.measure]}).")
