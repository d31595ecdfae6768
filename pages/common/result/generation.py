"""The result of a generation: the attributions of each generated word, as text, heatmap or table.

Pointing at a word in the text colours its attributions in the browser, without a rerun.
"""

import numpy as np
import streamlit as st

from explainers import ExplainerError, Explanation
from explainers.results.granularity import HOWS, LEVELS, Grouping, aggregate
from explainers.visualization.charts.generation_matrix import describe_matrix, draw_matrix, list_targets
from explainers.visualization.html import render_lead
from explainers.visualization.summaries.convergence import render_convergence
from explainers.visualization.summaries.generation import describe_generation
from explainers.visualization.text.generation import CSS, HTML, SCRIPT, make_payload, name_target
from pages.common.ui.html import draw_chart, draw_html, draw_table
from pages.common.ui.markdown import escape

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
    """Draw the prediction, the chosen view, and the error; switching views computes nothing."""
    sentence, chart = st.container(), st.container()
    _show_error(explanation)
    view, grouping = _pick_view(key)
    try:
        shown = aggregate(explanation, grouping)
    except ExplainerError as error:
        st.warning(escape(str(error)))
        shown = aggregate(explanation, Grouping())
    with sentence:
        draw_html(render_lead(describe_generation(shown), live=True))
        for notice in explanation.notices:
            st.info(escape(notice), icon=":material/content_cut:")
    with chart:
        match view:
            case "Heatmap":
                draw_chart(draw_matrix(shown), describe_matrix(shown), f"{key}.crosstab")
            case "Table":
                draw_table(
                    list_targets(shown),
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
    draw_html(render_convergence(explanation, row))
    if errors is not None and len(errors) > 1:
        st.caption(f"“{escape(name_target(explanation, row))}” is the generated token with the largest error.")


def _draw_text(explanation: Explanation, key: str) -> None:
    """Draw the generated text, each word with its attributions."""
    GENERATION(data=make_payload(explanation), key=f"{key}.generation")
