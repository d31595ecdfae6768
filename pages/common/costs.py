"""What each of several maps costs and is worth: time, passes, what it leaves unexplained, how true it is to the model.

Knows Explanations, no model; nothing is checked before somebody asks.
"""

import streamlit as st

from explainers import Faithfulness
from explainers.progress import Progress
from explainers.serving.service import backend
from explainers.views import table
from pages.common import drawn
from pages.common.columns import Columns
from pages.common.words import literal
from pages.common.work import part, worked

AOPC = "How far the number falls, on average, without the strongest 10 to 100 % of the words."


def costs(columns: Columns, key: str) -> None:
    """What each map cost, and once somebody asks how true it is to the model."""
    place = st.container()
    checks = _checks(columns, f"{key}.checking")
    with place:
        drawn.table(
            table.costs(columns.names, columns.explanations, columns.rows, checks or [None] * len(columns)),
            "Each map with what is explained, its time and passes, how much it leaves unexplained, how true it is",
            map=st.column_config.TextColumn("Map"),
            says=st.column_config.TextColumn("Explained"),
            probability=st.column_config.NumberColumn("Probability", format="percent"),
            seconds=st.column_config.NumberColumn("Seconds", format="%.2f"),
            passes=st.column_config.NumberColumn("Passes", help="Forward and backward passes of one input each."),
            unexplained=st.column_config.NumberColumn("Unexplained", format="percent"),
            converged=st.column_config.TextColumn("Converged"),
            aopc=st.column_config.NumberColumn("AOPC", format="%.3f", help=AOPC),
            random=st.column_config.NumberColumn("Random AOPC", format="%.3f", help="The same with random rankings."),
            chance=st.column_config.TextColumn("True to the model"),
        )
        if checks:
            st.markdown(literal(table.truest(columns.names, checks)))


def _checks(columns: Columns, asked: str) -> list[Faithfulness] | None:
    """How true each map is to its model, if that is known or somebody asks; else a button that does."""
    maps = list(zip(columns.explanations, columns.rows, strict=True))

    def known() -> list[Faithfulness] | None:
        found = [check for one, row in maps if (check := backend().checked(one, row))]
        return found if len(found) == len(maps) else None

    def compute(progress: Progress) -> list[Faithfulness]:
        return [backend().evaluate(one, row, part(progress, i, len(maps))) for i, (one, row) in enumerate(maps)]

    if checks := known():
        return checks
    question = tuple((one.request, row) for one, row in maps)
    if st.button(
        "Check which maps are true to the model",
        key=f"{asked}.go",
        icon=":material/fact_check:",
    ):
        st.session_state[asked] = question
    if st.session_state.get(asked) != question:
        return None
    return worked(known, compute, asked, f"check of {len(maps)} maps")
