"""A request's result on the page: its progress, its map and views, or what went wrong.

The only place, beside share.py, that draws an Explanation.
"""

import gc
import logging
import re
import uuid
from functools import cache

import streamlit as st

from explainers import ExplainerError, Explanation, Request
from explainers.backend import backend
from explainers.catalogue import Card
from explainers.views.bars import alt, bars
from explainers.views.cards import facts
from explainers.views.computed import table
from explainers.views.meter import meter
from explainers.views.palette import CSS
from explainers.views.sentence import sentence
from explainers.views.spans import spans
from explainers.views.table import rows

LOG = logging.getLogger("wherefore")
VIEWS = ("Text", "Bars", "Table")
LEVELS = ("Words", "Tokens")


def literal(text: str) -> str:
    """Text as Markdown that shows exactly it."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


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
    shown = explanation.by_word()
    st.html(f'<style>{CSS}</style><p class="wf-said" role="status">{sentence(shown)}</p>')
    for notice in explanation.notices:
        st.info(literal(notice), icon=":material/content_cut:")
    picture = st.container()
    st.html(f"<style>{CSS}</style>{meter(explanation)}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = st.segmented_control("View", VIEWS, default=VIEWS[0], required=True, key=f"{key}.view")
        level = st.segmented_control("Pieces", LEVELS, default=LEVELS[0], required=True, key=f"{key}.level")
        most = st.slider("Strongest", 3, 50, 15, key=f"{key}.top", width=220) if view != "Text" else 0
    with picture:
        _picture(shown if level == "Words" else explanation, view, most, key)


def _picture(explanation: Explanation, view: str, most: int, key: str) -> None:
    match view:
        case "Bars":
            figure, said = bars(explanation, most=most), alt(explanation, most=most)
            st.plotly_chart(figure, theme="streamlit", alt=said, key=f"{key}.bars")
        case "Table":
            _table(explanation, most)
        case _:
            st.html(spans(explanation))


def _table(explanation: Explanation, most: int) -> None:
    st.dataframe(
        rows(explanation, most=most),
        column_config={
            "score": st.column_config.NumberColumn(format="%+.6f"),
            "share": st.column_config.NumberColumn(format="percent"),
        },
        hide_index=True,
        alt="The pieces of the text with their scores, strongest first",
    )
