"""A request's result on the page: its progress, its map and views, or what went wrong.

The only place, beside share.py, that draws an Explanation.
"""

import gc
import logging
import uuid
from functools import cache

import streamlit as st

from explainers import ExplainerError, Explanation, Request
from explainers.backend import backend
from explainers.catalogue import Card
from explainers.views.bars import alt, bars
from explainers.views.cards import facts
from explainers.views.computed import table
from explainers.views.matrix import alt as matrix_alt
from explainers.views.matrix import matrix
from explainers.views.meter import meter
from explainers.views.palette import CSS
from explainers.views.sentence import sentence
from explainers.views.spans import spans
from explainers.views.table import rows as scores_of
from explainers.views.text import likelihood, named, short

from .entities import entities
from .image_results import image
from .words import literal

LOG = logging.getLogger("wherefore")
VIEWS = ("Text", "Bars", "Table", "Matrix")
LEAST = "Show only what the model gives at least this probability."
LEVELS = ("Words", "Tokens")


def computed(request: Request, forget: str) -> Explanation | None:
    """The request's explanation, with progress while it is made; None after an error, which is shown.

    `forget` is the key of the session state that asks for the request: Cancel deletes it.
    """
    _settle()
    place = st.empty()
    try:
        if kept := backend().kept(request):
            return kept
        with place.container():
            bar = st.progress(0.0, "Starting")
            st.button("Cancel", on_click=st.session_state.pop, args=(forget, None), key=f"{forget} cancel")
        explanation = backend().explain(
            request, lambda what, share: bar.progress(min(share, 1.0), literal(what)) and None
        )
        place.empty()
        return explanation
    except ExplainerError as error:
        place.empty()
        st.error(literal(str(error)), icon=":material/error:")
    except Exception:  # the one boundary of a page: the visitor gets a number, the log gets the rest
        place.empty()
        incident = uuid.uuid4().hex[:8]
        LOG.exception("incident %s: task %s, model %s", incident, request.task, request.model)
        st.error(f"Something went wrong on our side (incident {incident}). Your text is still here: try again.")
    return None


def listed(card: Card) -> None:
    """What is known of a model."""
    st.html(table(facts(card)))


@cache
def _settle() -> None:
    """Take what the imports made out of the garbage collector's sight: Streamlit collects after every run."""
    gc.collect()
    gc.freeze()


@st.fragment
def show(explanation: Explanation, key: str) -> None:
    """The answer in one sentence, the map, how sure it is, and the other views; switching them computes nothing."""
    marked = st.container()
    row, rows = chosen(explanation, key)
    with marked:
        entities(explanation, row, key)
    shown = explanation.by_word()
    st.html(f'<style>{CSS}</style><p class="wf-said" role="status">{sentence(shown, row)}</p>')
    for notice in explanation.notices:
        st.info(literal(notice), icon=":material/content_cut:")
    picture = st.container()
    st.html(f"<style>{CSS}</style>{meter(explanation, row)}")
    if explanation.grid:
        with picture:
            image(explanation, row, key)
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        views = VIEWS if len(explanation.targets) > 1 else VIEWS[:-1]
        view = st.segmented_control("View", views, default=views[0], required=True, key=f"{key}.view")
        level = st.segmented_control("Pieces", LEVELS, default=LEVELS[0], required=True, key=f"{key}.level")
        counted = view in ("Bars", "Table")
        most = st.slider("Strongest", 3, 50, 15, key=f"{key}.top", width=220) if counted else 0
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
            least = st.slider("At least", 0.0, 1.0, 0.0, 0.01, key=f"{key}.least", width=220, help=LEAST)
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
    st.plotly_chart(figure, theme="streamlit", alt=said, key=f"{key}.matrix")


def _picture(explanation: Explanation, row: int, view: str, most: int, key: str) -> None:
    match view:
        case "Bars":
            figure, said = bars(explanation, row, most), alt(explanation, row, most)
            st.plotly_chart(figure, theme="streamlit", alt=said, key=f"{key}.bars")
        case "Table":
            _table(explanation, row, most)
        case _:
            st.html(spans(explanation, row))


def _table(explanation: Explanation, row: int, most: int) -> None:
    st.dataframe(
        scores_of(explanation, row, most),
        column_config={
            "score": st.column_config.NumberColumn(format="%+.6f"),
            "share": st.column_config.NumberColumn(format="percent"),
        },
        hide_index=True,
        alt="The pieces of the text with their scores, strongest first",
    )
