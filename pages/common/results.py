"""A request's result on the page: its progress, its map and views, or what went wrong.

The only place, beside share.py, that draws an Explanation.
"""

import streamlit as st

from explainers import Explanation, Request
from explainers.backend import backend
from explainers.catalogue import Card
from explainers.views.bars import alt, bars
from explainers.views.cards import facts
from explainers.views.computed import table
from explainers.views.gaps import choices, gaps
from explainers.views.matrix import alt as matrix_alt
from explainers.views.matrix import matrix
from explainers.views.meter import meter
from explainers.views.sentence import sentence
from explainers.views.spans import spans
from explainers.views.table import rows as scores_of
from explainers.views.text import likelihood, named, short

from . import drawn
from .entities import entities
from .generation_results import generation
from .image_results import image
from .words import literal
from .work import worked

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
    drawn.markup(table(facts(card)))


@st.fragment
def show(explanation: Explanation, key: str) -> None:
    """The answer in one sentence, the map, how sure it is, and the other views; switching them computes nothing."""
    if explanation.kind == "generation":
        generation(explanation, key)
        return
    marked = st.container()
    row, rows = chosen(explanation, key)
    with marked:
        if len(gaps(explanation.prediction)) != 1:  # of a single gap the sentence says as much
            entities(explanation, row, key)
    shown = explanation.by_word()
    said = sentence(shown, row, backend().checked(explanation, row))
    drawn.markup(f'<p class="wf-said" role="status">{said}</p>{choices(shown, row)}')
    for notice in explanation.notices:
        st.info(literal(notice), icon=":material/content_cut:")
    picture = st.container()
    drawn.markup(meter(explanation, row))
    if explanation.grid:
        with picture:
            image(explanation, row, key)
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        views = VIEWS if len(explanation.targets) > 1 else VIEWS[:-1]
        view = st.segmented_control("View", views, default=views[0], required=True, key=f"{key}.shown.view")
        level = st.segmented_control("Pieces", LEVELS, default=LEVELS[0], required=True, key=f"{key}.shown.level")
        counted = view in ("Bars", "Table")
        most = st.slider("Strongest", 3, 50, 15, key=f"{key}.shown.top", width=220) if counted else 0
    with picture:
        if view == "Matrix":
            _matrix(shown if level == "Words" else explanation, rows, key)
        else:
            _picture(shown if level == "Words" else explanation, row, view, most, key)


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


def _matrix(explanation: Explanation, rows: list[int], key: str) -> None:
    figure, said = matrix(explanation, rows), matrix_alt(explanation, rows)
    drawn.chart(figure, said, f"{key}.matrix")


def _picture(explanation: Explanation, row: int, view: str, most: int, key: str) -> None:
    match view:
        case "Bars":
            figure, said = bars(explanation, row, most), alt(explanation, row, most)
            drawn.chart(figure, said, f"{key}.bars")
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
