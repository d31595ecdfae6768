"""Several explanations side by side on one colour scale, how well they agree, and how their rankings differ."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from explainers import Explanation
from explainers.analyses.agreement import find_row, measure_agreements, rank_words
from explainers.visualization.charts import agreement as pairs
from explainers.visualization.charts.ranking import describe_movement, draw_ranking
from explainers.visualization.charts.ranking import describe_ranking as ranking_alt
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
    "Each has its own colour scale, because the scores of these methods are not in the same unit: full colour is its "
    "largest score."
)
FEW = 3  # words; fewer make no ranking
MEASURES: dict[pairs.Measure, str] = {"correlation": "Rank correlation", "overlap": "Top words in common"}


@dataclass(frozen=True)
class Maps:
    """Explanations with their names, and the row of each that explains the same target."""

    names: list[str]
    explanations: list[Explanation]
    rows: list[int]

    def __len__(self) -> int:
        return len(self.names)


@st.fragment
def show_side_by_side(found: Mapping[str, Explanation], key: str) -> None:
    """Draw the explanations by name, then how well they agree; switching views computes nothing."""
    explanations = list(found.values())
    row, _ = pick_row(explanations[0], key)
    wanted = explanations[0].targets[row]
    about = [find_row(each, wanted) for each in explanations]
    maps = Maps(list(found), explanations, [row or 0 for row in about])
    summary = st.container()
    if others := [name for name, row in zip(found, about, strict=True) if row is None]:
        st.info(
            escape(f"{', '.join(others)}: explains another label, because it does not explain {name_target(wanted)}.")
        )
    _show_maps(maps, key)
    if len(maps) < 2:
        return
    table = measure_agreements(maps.explanations, maps.rows)
    with summary:
        unit = "squares" if maps.explanations[0].kind == "image" else "words"
        draw_html(render_lead(pairs.describe_agreement(maps.names, table, unit), live=True))
    left, right = st.columns(2)
    with left:
        _show_agreement(maps, table, key)
    with right:
        _show_ranking(maps, key)
    show_costs(maps.names, maps.explanations, maps.rows, key)


def _show_maps(maps: Maps, key: str) -> None:
    """Draw two explanations a line; on a phone they stand below each other."""
    limit = find_common_limit(maps.explanations, maps.rows)
    for start in range(0, len(maps), 2):
        for column, place in enumerate(st.columns(2)[: len(maps) - start], start):
            with place:
                _show_map(maps, column, limit, key)
    if maps.explanations[0].kind != "image":
        st.caption(OWN if limit is None else ONE)


def _show_map(maps: Maps, column: int, limit: float | None, key: str) -> None:
    whole, row = maps.explanations[column], maps.rows[column]
    shown = whole.by_word()
    st.markdown(f"#### {escape(maps.names[column])}")
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


def _show_agreement(maps: Maps, table: pairs.Table, key: str) -> None:
    st.subheader("Agreement", anchor=False)
    measure = st.segmented_control(
        "Measure",
        list(MEASURES),
        format_func=lambda m: MEASURES[m],
        default="correlation",
        required=True,
        key=f"{key}.measure",
    )
    heatmap, said = pairs.draw_heatmap(maps.names, table, measure), pairs.describe_heatmap(maps.names, table, measure)
    draw_chart(heatmap, said, f"{key}.pairs", config=CONFIG)
    st.caption(
        f"Over the {table[0][1].shared} words or parts that both have. Rank correlation (Spearman): 1 is the same "
        f"order, 0 unrelated, −1 the opposite. Top words in common: share of the {table[0][1].top} strongest of each."
    )


def _show_ranking(maps: Maps, key: str) -> None:
    found = rank_words(maps.explanations, maps.rows)
    if len(found) < FEW:
        return
    st.subheader("How the ranking changes", anchor=False)
    st.markdown(escape(describe_movement(maps.names, found)))
    draw_chart(draw_ranking(maps.names, found), ranking_alt(maps.names, found), f"{key}.places", config=CONFIG)
