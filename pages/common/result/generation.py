"""The result of a generation: the attributions of each generated word, as text, heatmap or table.

Pointing at a word in the text colours its attributions in the browser, without a rerun.
"""

import numpy as np
import streamlit as st

from explainers import ExplainerError, Explanation
from explainers.results.granularity import HOWS, LEVELS, Grouping, grouped
from explainers.views.crosstab import alt, crosstab, rows
from explainers.views.generation import CSS, HTML, SCRIPT, name, payload
from explainers.views.html import lead
from explainers.views.meter import meter
from explainers.views.telling import wrote

from ..ui.html import draw_chart, draw_html, draw_table
from ..ui.markdown import escape

VIEWS = ("Text", "Heatmap", "Table")
LEVEL_NAMES = dict(zip(LEVELS, ("Tokens", "Words", "Sentences", "Roles", "Pattern"), strict=True))
HOW_NAMES = dict(zip(HOWS, ("sum", "mean", "maximum", "largest magnitude", "L2 norm"), strict=True))
AGGREGATE = "How the scores of several tokens become one score. Only the sum keeps their total."
GROUP = "Granularity of the scores. Tokens are what the model reads; roles are the parts of a chat or a prompt."
PATTERN = "A regular expression: each match is a group, and so is the text between two matches."
DRAW = """
export default function ({ data, parentElement }) { wherefore(parentElement.querySelector(".wf-g"), data); }
"""
GENERATION = st.components.v2.component("wherefore_generation", html=HTML, css=CSS, js=SCRIPT + DRAW)


def show_generation(explanation: Explanation, key: str) -> None:
    """Draw the answer, the chosen view, and the error; switching views computes nothing."""
    said, picture = st.container(), st.container()
    _show_error(explanation)
    view, grouping = _pick_view(key)
    try:
        shown = grouped(explanation, grouping)
    except ExplainerError as error:
        st.warning(escape(str(error)))
        shown = grouped(explanation, Grouping())
    with said:
        draw_html(lead(wrote(shown), live=True))
        for notice in explanation.notices:
            st.info(escape(notice), icon=":material/content_cut:")
    with picture:
        match view:
            case "Heatmap":
                draw_chart(crosstab(shown), alt(shown), f"{key}.crosstab")
            case "Table":
                draw_table(
                    rows(shown),
                    "Each generated word with its attributions",
                    probability=st.column_config.NumberColumn(format="percent"),
                )
            case _:
                _draw_text(shown, key)


def _pick_view(key: str) -> tuple[str, Grouping]:
    """Draw the pickers of the view and of the grouping."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = st.segmented_control("View", VIEWS, default=VIEWS[0], required=True, key=f"{key}.shown.view")
        level = st.selectbox(
            "Group by",
            LEVELS,
            LEVELS.index("word"),
            format_func=LEVEL_NAMES.__getitem__,
            key=f"{key}.shown.level",
            help=GROUP,
        )
        how = st.selectbox("Aggregate by", HOWS, format_func=HOW_NAMES.__getitem__, key=f"{key}.how", help=AGGREGATE)
        pattern = ""
        if level == "pattern":
            pattern = st.text_input("Pattern", r"\w+", key=f"{key}.pattern", help=PATTERN)
    return str(view), Grouping(level or "word", how, pattern)


def _show_error(explanation: Explanation) -> None:
    """Draw the error of the generated token where it is largest."""
    errors = explanation.relative_error
    row = 0 if errors is None else int(np.nanargmax(errors))
    draw_html(meter(explanation, row))
    if errors is not None and len(errors) > 1:
        st.caption(f"“{escape(name(explanation, row))}” is the generated token with the largest error.")


def _draw_text(explanation: Explanation, key: str) -> None:
    """Draw the generated text, each word with its attributions."""
    GENERATION(data=payload(explanation), key=f"{key}.generation")
