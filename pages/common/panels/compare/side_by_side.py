"""Several explanations side by side on one colour scale, how well they agree, and how their rankings differ."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from explainers import Explanation
from explainers.analyses.agreement import find_row, measure_agreements, rank_words
from explainers.visualization.charts import agreement as pairs
from explainers.visualization.charts.ranking import describe_movement, describe_ranking, draw_ranking
from explainers.visualization.html import render_lead
from explainers.visualization.image.figure import describe_figure, draw_figure
from explainers.visualization.image.heatmap import Look
from explainers.visualization.image.html import render_image_legend
from explainers.visualization.renderers import find_renderer
from explainers.visualization.text.format import name_target
from explainers.visualization.text.spans import find_common_limit, render_spans
from pages.common.panels.compare.costs import show_costs
from pages.common.result.text import pick_row
from pages.common.ui.html import draw_chart, draw_html
from pages.common.ui.markdown import escape

CONFIG = {"displayModeBar": False, "displaylogo": False, "scrollZoom": False}
ONE = "One colour scale for all: full colour is the largest score in any of them."
OWN = (
    "Each has its own colour scale, because the scores of these methods have different units: full colour is its "
    "largest score."
)
FEW = 3  # words; fewer make no ranking
MEASURES: dict[pairs.Measure, str] = {"correlation": "Rank correlation", "overlap": "Top words in common"}


@dataclass(frozen=True)
class Comparison:
    """Explanations with their names, and the row of each that explains the same target."""

    names: list[str]
    explanations: list[Explanation]
    rows: list[int]

    def __len__(self) -> int:
        return len(self.names)


@st.fragment
def show_side_by_side(named: Mapping[str, Explanation], key: str) -> None:
    """Draw the explanations by name, then how well they agree; switching views computes nothing."""
    explanations = list(named.values())
    row, _ = pick_row(explanations[0], key)
    target = explanations[0].targets[row]
    matching_rows = [find_row(each, target) for each in explanations]
    comparison = Comparison(list(named), explanations, [row or 0 for row in matching_rows])
    summary = st.container()
    if others := [name for name, row in zip(named, matching_rows, strict=True) if row is None]:
        st.info(
            escape(f"{', '.join(others)}: explains another label, because it does not explain {name_target(target)}.")
        )
    _show_explanations(comparison, key)
    if len(comparison) < 2:
        return
    table = measure_agreements(comparison.explanations, comparison.rows)
    with summary:
        unit = "squares" if comparison.explanations[0].kind == "image" else "words"
        draw_html(render_lead(pairs.describe_agreement(comparison.names, table, unit), live=True))
    left, right = st.columns(2)
    with left:
        _show_agreement(comparison, table, key)
    with right:
        _show_ranking(comparison, key)
    show_costs(comparison.names, comparison.explanations, comparison.rows, key)


def _show_explanations(comparison: Comparison, key: str) -> None:
    """Draw two explanations a line; on a phone they stand below each other."""
    limit = find_common_limit(comparison.explanations, comparison.rows)
    for start in range(0, len(comparison), 2):
        for column, place in enumerate(st.columns(2)[: len(comparison) - start], start):
            with place:
                _show_explanation(comparison, column, limit, key)
    if comparison.explanations[0].kind != "image":
        st.caption(OWN if limit is None else ONE)


def _show_explanation(comparison: Comparison, column: int, limit: float | None, key: str) -> None:
    whole, row = comparison.explanations[column], comparison.rows[column]
    shown = whole.by_word()
    st.markdown(f"#### {escape(comparison.names[column])}")
    draw_html(f"<p>{find_renderer(whole).lead(whole, row, None)}</p>")
    if whole.kind != "image":
        draw_html(render_spans(shown, row, limit))
        return
    look = Look()
    draw_chart(
        draw_figure(shown, look, row),
        describe_figure(shown, look, row),
        f"{key}.map {column}",
        theme=None,
        config=CONFIG,
    )
    draw_html(render_image_legend(shown, look, row))


def _show_agreement(comparison: Comparison, table: pairs.Table, key: str) -> None:
    st.subheader("Agreement", anchor=False)
    measure = st.segmented_control(
        "Measure",
        list(MEASURES),
        format_func=lambda m: MEASURES[m],
        default="correlation",
        required=True,
        key=f"{key}.measure",
    )
    description = pairs.describe_heatmap(comparison.names, table, measure)
    draw_chart(pairs.draw_heatmap(comparison.names, table, measure), description, f"{key}.pairs", config=CONFIG)
    st.caption(
        f"Over the {table[0][1].shared} words or parts that both have. Rank correlation (Spearman): 1 is the same "
        f"order, 0 unrelated, −1 the opposite. Top words in common: share of the {table[0][1].top} strongest of each."
    )


def _show_ranking(comparison: Comparison, key: str) -> None:
    ranks = rank_words(comparison.explanations, comparison.rows)
    if len(ranks) < FEW:
        return
    st.subheader("How the ranking changes", anchor=False)
    st.markdown(escape(describe_movement(comparison.names, ranks)))
    description = describe_ranking(comparison.names, ranks)
    draw_chart(draw_ranking(comparison.names, ranks), description, f"{key}.places", config=CONFIG)
