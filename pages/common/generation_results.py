"""The result of a generation on the page: what each written piece was made from, as text, heatmap or table."""

import numpy as np
import streamlit as st

from explainers import ExplainerError, Explanation
from explainers.results.granularity import HOWS, LEVELS, Grouping, grouped
from explainers.views.crosstab import alt, crosstab, rows
from explainers.views.generation import name
from explainers.views.html import lead
from explainers.views.meter import meter
from explainers.views.telling import wrote

from . import drawn
from .generation import interactive
from .words import literal

VIEWS = ("Text", "Heatmap", "Table")
LEVEL_NAMES = dict(zip(LEVELS, ("Tokens", "Words", "Sentences", "Roles", "Pattern"), strict=True))
HOW_NAMES = dict(zip(HOWS, ("sum", "mean", "largest", "largest size", "length (L2)"), strict=True))
GATHERED = "How the scores of several tokens become one. Only a sum keeps all credit."
PATTERN = "A regular expression: each match is a piece, and so is what lies between two."


def generation(explanation: Explanation, key: str) -> None:
    """Draw the answer, the view that is chosen, and how sure it is; switching views computes nothing."""
    said, picture = st.container(), st.container()
    _sure(explanation)
    view, grouping = _look(key)
    try:
        shown = grouped(explanation, grouping)
    except ExplainerError as error:
        st.warning(literal(str(error)))
        shown = grouped(explanation, Grouping())
    with said:
        drawn.markup(lead(wrote(shown), live=True))
        for notice in explanation.notices:
            st.info(literal(notice), icon=":material/content_cut:")
    with picture:
        match view:
            case "Heatmap":
                drawn.chart(crosstab(shown), alt(shown), f"{key}.crosstab")
            case "Table":
                drawn.table(
                    rows(shown),
                    "Each written piece with what it was made from",
                    probability=st.column_config.NumberColumn(format="percent"),
                )
            case _:
                interactive(shown, key)


def _look(key: str) -> tuple[str, Grouping]:
    """The view and the pieces that the controls say."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = st.segmented_control("View", VIEWS, default=VIEWS[0], required=True, key=f"{key}.shown.view")
        level = st.selectbox(
            "Pieces", LEVELS, LEVELS.index("word"), format_func=LEVEL_NAMES.__getitem__, key=f"{key}.shown.level"
        )
        how = st.selectbox("Gathered by", HOWS, format_func=HOW_NAMES.__getitem__, key=f"{key}.how", help=GATHERED)
        pattern = ""
        if level == "pattern":
            pattern = st.text_input("Pattern", r"\w+", key=f"{key}.pattern", help=PATTERN)
    return str(view), Grouping(level or "word", how, pattern)


def _sure(explanation: Explanation) -> None:
    """How sure the map is, of the token where it is least sure."""
    errors = explanation.relative_error
    row = 0 if errors is None else int(np.nanargmax(errors))
    drawn.markup(meter(explanation, row))
    if errors is not None and len(errors) > 1:
        st.caption(
            f"Of all written tokens, “{literal(name(explanation, row))}” is the one where this error is largest."
        )
