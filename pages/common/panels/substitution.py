"""The panel that substitutes a word of the input, and shows how probable each substitute makes a generated word."""

import streamlit as st

from explainers import Explanation
from explainers.analyses.word_substitution import PROFESSIONS, SubstitutionRequest, make_request, substitute
from explainers.inputs.text import find_words, has_content
from explainers.results.substitution import Substitution
from explainers.tasks import TASKS
from explainers.tasks.base import Task
from explainers.visualization.html import render_lead
from explainers.visualization.summaries.substitution import describe_substitutions, list_rows
from explainers.visualization.text.format import shorten
from explainers.visualization.text.generation import name_target
from pages.common.form.target import get_card
from pages.common.ui.html import draw_html, draw_table
from pages.common.ui.markdown import escape
from pages.common.ui.progress import answer_with_progress

LEAD = (
    "Replace one word of the text by others, and see how probable each of them makes a generated word, and what the "
    "model would generate instead. This measures the model directly, without an explanation method."
)
WORDS = "Separate them with commas. The list begins with professions; type any words you like."
Place = tuple[str, int, int]  # field, first character, end


def draw(explanation: Explanation, key: str) -> None:
    """Draw the form, and the table once its button is pressed."""
    prefix = f"{key}.swap"
    st.markdown(LEAD)
    places, texts = list_places(explanation), explanation.request.texts
    professions = {*PROFESSIONS, *PROFESSIONS.values()}
    first = next(
        (i for i, (field, *span) in enumerate(places) if texts[field][slice(*span)] in professions), len(places) - 1
    )
    st.session_state.setdefault(
        f"{prefix}.words", ", ".join(_list_professions(TASKS[explanation.request.task], explanation))
    )
    with st.form(f"{prefix}.form", border=False):
        with st.container(horizontal=True):
            rows = list(range(len(explanation.targets)))
            row = st.selectbox(
                "Generated word",
                rows,
                format_func=lambda i: f"{i + 1} {name_target(explanation, i)}",
                key=f"{prefix}.row",
            )
            place = st.selectbox(
                "Word to replace",
                range(len(places)),
                index=first,
                format_func=lambda i: f"{i + 1} {shorten(texts[places[i][0]][slice(*places[i][1:])])}",
                key=f"{prefix}.place",
            )
        typed = st.text_area("Replacements", key=f"{prefix}.words", help=WORDS)
        if st.form_submit_button("Try all", icon=":material/play_arrow:"):
            words = tuple(dict.fromkeys(word.strip() for word in (typed or "").split(",") if word.strip()))
            question = make_request(explanation, row or 0, places[place or 0], words)
            st.session_state[f"{prefix}.question"] = (explanation.request, row or 0, question)
    request, row, question = st.session_state.get(f"{prefix}.question", (None, 0, None))
    if request == explanation.request and isinstance(question, SubstitutionRequest):
        substitutions = answer_with_progress(
            question,
            lambda progress: substitute(question, progress=progress),
            f"{prefix}.question",
            f"swaps of {question.request.task}, model {question.request.model}",
        )
        if substitutions:
            _show(substitutions, explanation, row)


def list_places(explanation: Explanation) -> list[Place]:
    """Return the place of each word of the input; generated text and punctuation are left out."""
    texts, continuation = explanation.request.texts, TASKS[explanation.request.task].fields[1].name
    fields = [field for field in explanation.source_texts if field in texts and field != continuation]
    places = [(field, *span) for field in fields for span in find_words(texts[field])]
    return [place for place in places if has_content(texts[place[0]][slice(*place[1:])])]


def _list_professions(task: Task, explanation: Explanation) -> tuple[str, ...]:
    """Return the default replacements: professions in the model's input language."""
    card = get_card(task, explanation.request.model)
    return tuple(PROFESSIONS.values()) if card and card.languages[:1] == ("tr",) else tuple(PROFESSIONS)


def _show(substitutions: tuple[Substitution, ...], explanation: Explanation, row: int) -> None:
    """Draw the answer in a sentence, and a row for each replacement."""
    token, foil = name_target(explanation, row), explanation.targets[row].foil
    draw_html(render_lead(describe_substitutions(substitutions, token, foil), live=True))
    percent = st.column_config.NumberColumn(format="percent")
    rows = list_rows(substitutions, token, foil)
    names = {column: percent for column in rows[0] if column not in ("word", "generated text")}
    draw_table(rows, "Each replacement with the probability of the generated word", **names)
    if foil is None:
        st.caption(escape("Fill in “Rather than” above to compare the generated word with another one."))
