"""A request's result on the page: its progress, its map and views, or what went wrong."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explainers import Explanation, Request
from explainers.data import Kind
from explainers.models.card import Card
from explainers.serving.service import backend
from explainers.views.bars import alt, bars
from explainers.views.cards import facts
from explainers.views.gaps import choices, gaps
from explainers.views.html import lead, pairs
from explainers.views.matrix import alt as matrix_alt
from explainers.views.matrix import matrix
from explainers.views.meter import meter
from explainers.views.renderers import render
from explainers.views.spans import spans
from explainers.views.table import rows as scores_of
from explainers.views.text import likelihood, named, short
from pages.common import drawn
from pages.common.entities import entities
from pages.common.generation_results import generation
from pages.common.image_results import image
from pages.common.words import literal
from pages.common.work import worked

VIEWS = ("Text", "Bars", "Table", "Matrix")
LEAST = "Show only what the model gives at least this probability."
LEVELS = ("Words", "Tokens")


def computed(request: Request, forget: str) -> Explanation | None:
    """The request's explanation, with progress while it is made; None after an error, which is shown.

    `forget` is the key of the session state that asks for the request: Cancel deletes it.
    """
    return worked(
        lambda: backend().kept(request),
        lambda progress: backend().explain(request, progress),
        forget,
        f"task {request.task}, model {request.model}",
    )


def listed(card: Card) -> None:
    """What is known of a model."""
    drawn.markup(pairs(facts(card)))


@st.fragment
def show(explanation: Explanation, key: str) -> None:
    """The answer in one sentence, the map, how sure it is, and the other views; switching them computes nothing."""
    KINDS[explanation.kind](explanation, key)


def _answer(explanation: Explanation, key: str) -> tuple[int, list[int], DeltaGenerator]:
    """Draw the answer and how sure it is; the target that is drawn, those to choose from, and the place of its map."""
    marked = st.container()
    row, rows = chosen(explanation, key)
    with marked:
        if len(gaps(explanation.prediction)) != 1:  # of a single gap the sentence says as much
            entities(explanation, row, key)
    said = render(explanation).lead(explanation, row, backend().checked(explanation, row))
    drawn.markup(lead(said, live=True) + choices(explanation, row))
    for notice in explanation.notices:
        st.info(literal(notice), icon=":material/content_cut:")
    place = st.container()
    drawn.markup(meter(explanation, row))
    return row, rows, place


def _image(explanation: Explanation, key: str) -> None:
    row, _, place = _answer(explanation, key)
    with place:
        image(explanation, row, key)


def _text(explanation: Explanation, key: str) -> None:
    row, rows, place = _answer(explanation, key)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        views = VIEWS if len(explanation.targets) > 1 else VIEWS[:-1]
        view = st.segmented_control("View", views, default=views[0], required=True, key=f"{key}.shown.view")
        level = st.segmented_control("Pieces", LEVELS, default=LEVELS[0], required=True, key=f"{key}.shown.level")
        counted = view in ("Bars", "Table")
        most = st.slider("Strongest", 3, 50, 15, key=f"{key}.shown.top", width=220) if counted else 0
    shown = explanation.by_word() if level == "Words" else explanation
    with place:
        _picture(shown, row, rows, view, most, key)


KINDS: dict[Kind, Callable[[Explanation, str], None]] = {"text": _text, "image": _image, "generation": generation}


def chosen(explanation: Explanation, key: str) -> tuple[int, list[int]]:
    """The target that is drawn, and those above the threshold; pickers for both where there are several."""
    targets = explanation.targets
    if len(targets) == 1:
        return 0, [0]
    shares = [target.probability or 0.0 for target in targets]
    rows = list(range(len(targets)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        place = st.container()
        if len(targets) > 3:
            least = st.slider("At least", 0.0, 1.0, 0.0, 0.01, key=f"{key}.shown.least", width=220, help=LEAST)
            rows = [row for row in rows if shares[row] >= least] or rows[:1]
    if st.session_state.get(f"{key}.row") not in rows:
        st.session_state[f"{key}.row"] = rows[0]
    picked = place.pills(
        "Explained",
        rows,
        format_func=lambda row: literal(short(f"{named(targets[row])} ({likelihood(shares[row])})", 60)),
        required=True,
        key=f"{key}.row",
    )
    return int(picked if picked is not None else rows[0]), rows


def _picture(explanation: Explanation, row: int, rows: list[int], view: str, most: int, key: str) -> None:
    match view:
        case "Matrix":
            drawn.chart(matrix(explanation, rows), matrix_alt(explanation, rows), f"{key}.matrix")
        case "Bars":
            drawn.chart(bars(explanation, row, most), alt(explanation, row, most), f"{key}.bars")
        case "Table":
            _table(explanation, row, most)
        case _:
            drawn.markup(spans(explanation, row))


def _table(explanation: Explanation, row: int, most: int) -> None:
    drawn.table(
        scores_of(explanation, row, most),
        "The pieces of the text with their scores, strongest first",
        score=st.column_config.NumberColumn(format="%+.6f"),
        spread=st.column_config.NumberColumn(format="± %.6f", help="How far other random draws would move the score."),
        share=st.column_config.NumberColumn(format="percent"),
    )
