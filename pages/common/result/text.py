"""The result on a text: coloured words, bars, a table, or a matrix of all labels."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explainers import Explanation
from explainers.visualization.charts.bars import describe_bars, draw_bars
from explainers.visualization.charts.matrix import describe_target_matrix, draw_target_matrix
from explainers.visualization.summaries.score_table import list_scores
from explainers.visualization.text.format import format_probability, name_target, shorten
from explainers.visualization.text.spans import render_spans
from pages.common.ui.html import draw_chart, draw_html, draw_table
from pages.common.ui.markdown import escape

VIEWS = ("Text", "Bars", "Table", "Matrix")
LEVELS = ("Words", "Tokens")
LEVEL_HELP = (
    "Tokens are what the model reads: whole words or parts of them. The score of a word is the sum of its tokens."
)
LEAST = "Hide labels with a lower probability."


def show_text(explanation: Explanation, row: int, rows: list[int], place: DeltaGenerator, key: str) -> None:
    """Draw the controls of the view here, and the view in `place`."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        views = VIEWS if len(explanation.targets) > 1 else VIEWS[:-1]
        view = st.segmented_control("View", views, default=views[0], required=True, key=f"{key}.shown.view")
        level = st.segmented_control(
            "Group by", LEVELS, default=LEVELS[0], required=True, key=f"{key}.shown.level", help=LEVEL_HELP
        )
        limited = view in ("Bars", "Table")
        most = st.slider("How many", 3, 50, 15, key=f"{key}.shown.top", width=220) if limited else 0
    shown = explanation.by_word() if level == "Words" else explanation
    with place:
        match view:
            case "Bars":
                draw_chart(draw_bars(shown, row, most), describe_bars(shown, row, most), f"{key}.bars")
            case "Table":
                _draw_scores(shown, row, most)
            case "Matrix":
                draw_chart(draw_target_matrix(shown, rows), describe_target_matrix(shown, rows), f"{key}.matrix")
            case _:
                draw_html(render_spans(shown, row))


def pick_row(explanation: Explanation, key: str) -> tuple[int, list[int]]:
    """Return the target to draw, and those above the threshold; draw pickers of both if there are several."""
    targets = explanation.targets
    if len(targets) == 1:
        return 0, [0]
    shares = [target.probability or 0.0 for target in targets]
    rows = list(range(len(targets)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        place = st.container()
        if len(targets) > 3:
            least = st.slider(
                "Probability at least", 0.0, 1.0, 0.0, 0.01, key=f"{key}.shown.least", width=220, help=LEAST
            )
            rows = [row for row in rows if shares[row] >= least] or rows[:1]
    if st.session_state.get(f"{key}.row") not in rows:
        st.session_state[f"{key}.row"] = rows[0]
    picked = place.pills(
        "Explained",
        rows,
        format_func=lambda row: escape(shorten(f"{name_target(targets[row])} ({format_probability(shares[row])})", 60)),
        required=True,
        key=f"{key}.row",
    )
    return int(picked if picked is not None else rows[0]), rows


def _draw_scores(explanation: Explanation, row: int, most: int) -> None:
    draw_table(
        list_scores(explanation, row, most),
        "Words or tokens with their scores, strongest first",
        score=st.column_config.NumberColumn(format="%+.6f"),
        spread=st.column_config.NumberColumn(
            format="± %.6f", help="Standard error: other random draws move the score by this much."
        ),
        share=st.column_config.NumberColumn(format="percent"),
    )
