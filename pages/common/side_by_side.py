"""Several maps side by side on one scale, and how alike they are: a sentence, a heatmap, a table, a chart of places.

Knows Explanations, no model.
"""

from collections.abc import Mapping

import streamlit as st

from explainers import Explanation
from explainers.comparison import agreements, ranking, row_of
from explainers.views import agreement as pairs
from explainers.views.html import lead
from explainers.views.image_page import legend
from explainers.views.images import alt, figure
from explainers.views.maps import Look
from explainers.views.ranking import alt as ranking_alt
from explainers.views.ranking import bumps, movement
from explainers.views.renderers import render
from explainers.views.spans import common, spans
from explainers.views.text import named

from . import drawn
from .columns import Columns
from .costs import costs
from .results import chosen
from .words import literal

CONFIG = {"displayModeBar": False, "displaylogo": False, "scrollZoom": False}
ONE = "One scale for all maps: full colour is the largest score of any of them."
OWN = (
    "Each map has a scale of its own, since these scores are no shares of the same number: its largest is full colour."
)
FEW = 3  # words: of fewer there is no ranking
MEASURES: dict[pairs.Measure, str] = {"correlation": "Rank correlation", "overlap": "Strongest in common"}


@st.fragment
def side_by_side(found: Mapping[str, Explanation], key: str) -> None:
    """The maps by name, then how alike they are; switching what is shown computes nothing."""
    explanations = list(found.values())
    row, _ = chosen(explanations[0], key)
    wanted = explanations[0].targets[row]
    about = [row_of(each, wanted) for each in explanations]
    columns = Columns(list(found), explanations, [row or 0 for row in about])
    summary = st.container()
    if others := [name for name, row in zip(found, about, strict=True) if row is None]:
        st.info(literal(f"{', '.join(others)}: this map is about another label, as it explains no {named(wanted)}."))
    _maps(columns, key)
    if len(columns) < 2:
        return
    table = agreements(columns.explanations, columns.rows)
    with summary:
        drawn.markup(lead(pairs.sentence(columns.names, table), live=True))
    left, right = st.columns(2)
    with left:
        _pairs(columns, table, key)
    with right:
        _places(columns, key)
    costs(columns, key)


def _maps(columns: Columns, key: str) -> None:
    """Two maps a line, which stand below each other on a phone."""
    limit = common(columns.explanations, columns.rows)
    for start in range(0, len(columns), 2):
        for column, place in enumerate(st.columns(2)[: len(columns) - start], start):
            with place:
                _map(columns, column, limit, key)
    if columns.explanations[0].kind != "image":
        st.caption(OWN if limit is None else ONE)


def _map(columns: Columns, column: int, limit: float | None, key: str) -> None:
    whole, row = columns.explanations[column], columns.rows[column]
    shown = whole.by_word()
    st.markdown(f"#### {literal(columns.names[column])}")
    drawn.markup(f"<p>{render(whole).lead(whole, row, None)}</p>")
    if whole.kind != "image":
        drawn.markup(spans(shown, row, limit))
        return
    look = Look()
    drawn.chart(figure(shown, look, row), alt(shown, look, row), f"{key}.map {column}", theme=None, config=CONFIG)
    drawn.markup(legend(shown, look, row))


def _pairs(columns: Columns, table: pairs.Table, key: str) -> None:
    st.subheader("How alike", anchor=False)
    measure = st.segmented_control(
        "Measure",
        list(MEASURES),
        format_func=lambda m: MEASURES[m],
        default="correlation",
        required=True,
        key=f"{key}.measure",
    )
    heatmap, said = pairs.heatmap(columns.names, table, measure), pairs.alt(columns.names, table, measure)
    drawn.chart(heatmap, said, f"{key}.pairs", config=CONFIG)
    st.caption(
        f"Over {table[0][1].shared} pieces that both have. Rank correlation (Spearman's): 1 is the same order, 0 an "
        f"order by chance, −1 the opposite. Strongest in common: of the {table[0][1].top} strongest pieces of each."
    )


def _places(columns: Columns, key: str) -> None:
    found = ranking(columns.explanations, columns.rows)
    if len(found) < FEW:
        return
    st.subheader("How the ranking changes", anchor=False)
    st.markdown(literal(movement(columns.names, found)))
    drawn.chart(bumps(columns.names, found), ranking_alt(columns.names, found), f"{key}.places", config=CONFIG)
