"""The panel that puts other words in the place of one, and shows what each does to a word that was written.

Knows Explanations; the probabilities come from `explainers.generation.swapping`.
"""

import streamlit as st

from explainers import Explanation
from explainers.generation.professions import ENGLISH, TURKISH
from explainers.generation.swap import Swap
from explainers.generation.swapping import Question, asked, swaps
from explainers.inputs.text import find_words, has_content
from explainers.task import Task
from explainers.tasks import TASKS
from explainers.views.generation import name
from explainers.views.html import lead
from explainers.views.swaps import rows, said
from explainers.views.text import short

from . import drawn, targets
from .words import literal
from .work import answered

LEAD = (
    "Put other words in the place of one, and see how probable each makes a word that was written, and what the model "
    "would write by itself then. That is a test with no map: the text before the written word stays the same."
)
WORDS = "With commas between them. Here are professions; type whatever you like."
Place = tuple[str, int, int]  # a field, and its characters from and to


def swap(explanation: Explanation, key: str) -> None:
    """Draw the form, and what was found when its button was pressed."""
    own = f"{key}.swap"
    st.markdown(LEAD)
    places, texts = swappable(explanation), explanation.request.texts
    known = {*ENGLISH, *TURKISH.values()}
    first = next((i for i, (field, *span) in enumerate(places) if texts[field][slice(*span)] in known), len(places) - 1)
    st.session_state.setdefault(f"{own}.words", ", ".join(_professions(TASKS[explanation.request.task], explanation)))
    with st.form(f"{own}.form", border=False):
        with st.container(horizontal=True):
            tokens = list(range(len(explanation.targets)))
            row = st.selectbox(
                "Written word", tokens, format_func=lambda i: f"{i + 1} {name(explanation, i)}", key=f"{own}.row"
            )
            place = st.selectbox(
                "Put others for",
                range(len(places)),
                index=first,
                format_func=lambda i: f"{i + 1} {short(texts[places[i][0]][slice(*places[i][1:])])}",
                key=f"{own}.place",
            )
        typed = st.text_area("Other words", key=f"{own}.words", help=WORDS)
        if st.form_submit_button("Try them all", icon=":material/play_arrow:"):
            words = tuple(dict.fromkeys(word.strip() for word in (typed or "").split(",") if word.strip()))
            question = asked(explanation, row or 0, places[place or 0], words)
            st.session_state[f"{own}.asked"] = (explanation.request, row or 0, question)
    request, row, question = st.session_state.get(f"{own}.asked", (None, 0, None))
    if request == explanation.request and isinstance(question, Question):
        found = answered(
            question,
            lambda progress: swaps(question, progress=progress),
            f"{own}.asked",
            f"swaps of {question.request.task}, model {question.request.model}",
        )
        if found:
            _shown(found, explanation, row)


def swappable(explanation: Explanation) -> list[Place]:
    """Where each word stands in the texts that were given, and not in those that were written; no mark is a word."""
    written = TASKS[explanation.request.task].fields[1].name
    fields = [field for field in explanation.shown if field in explanation.request.texts and field != written]
    texts = explanation.request.texts
    places = [(field, *span) for field in fields for span in find_words(texts[field])]
    return [place for place in places if has_content(texts[place[0]][slice(*place[1:])])]


def _professions(task: Task, explanation: Explanation) -> tuple[str, ...]:
    """Words to begin with, in the language that the model reads."""
    card = targets.card(task, explanation.request.model)
    return tuple(TURKISH.values()) if card and card.languages[:1] == ("tr",) else ENGLISH


def _shown(found: tuple[Swap, ...], explanation: Explanation, row: int) -> None:
    """The answer in a sentence, and a row for each word."""
    token, foil = name(explanation, row), explanation.targets[row].foil
    drawn.markup(lead(said(found, token, foil), live=True))
    percent = st.column_config.NumberColumn(format="percent")
    lines = rows(found, token, foil)
    names = {column: percent for column in lines[0] if column not in ("word", "the model writes")}
    drawn.table(lines, "Each word with what it makes of the written one", **names)
    if foil is None:
        st.caption(literal("Fill in “Rather than” above to compare the written word with another one."))
