"""The table of what each compared explanation costs and, on request, how faithful it is."""

from collections.abc import Sequence

import streamlit as st

from explainers import Explanation, Faithfulness
from explainers.progress import Progress
from explainers.serving.service import service
from explainers.visualization.summaries import score_table
from pages.common.ui.html import draw_table
from pages.common.ui.markdown import escape
from pages.common.ui.progress import run_with_progress, scale_progress

RELATIVE_ERROR = "Relative error: the share of the change in the model's output that the scores do not add up to."
PASSES = "Forward and backward passes of one input each."
AOPC = "Area over the perturbation curve: average drop when the strongest 10 to 100 % of the words are removed."


def show_costs(names: Sequence[str], explanations: Sequence[Explanation], rows: Sequence[int], key: str) -> None:
    """Draw the table, and a button that adds how faithful each row's explanation is."""
    place = st.container()
    checks = _check(list(zip(explanations, rows, strict=True)), f"{key}.checking")
    with place:
        draw_table(
            score_table.list_costs(names, explanations, rows, checks or [None] * len(names)),
            "Each explanation with what is explained, its time and passes, its relative error and faithfulness",
            map=st.column_config.TextColumn("Explanation"),
            says=st.column_config.TextColumn("Explained"),
            probability=st.column_config.NumberColumn("Probability", format="percent"),
            seconds=st.column_config.NumberColumn("Seconds", format="%.2f"),
            passes=st.column_config.NumberColumn("Passes", help=PASSES),
            unexplained=st.column_config.NumberColumn("Unexplained", format="percent", help=RELATIVE_ERROR),
            converged=st.column_config.TextColumn("Converged"),
            aopc=st.column_config.NumberColumn("AOPC", format="%.3f", help=AOPC),
            random=st.column_config.NumberColumn("Random AOPC", format="%.3f", help="The same for random rankings."),
            chance=st.column_config.TextColumn("Faithful"),
        )
        if checks:
            st.markdown(escape(score_table.name_most_faithful(names, checks)))


def _check(pairs: list[tuple[Explanation, int]], state_key: str) -> list[Faithfulness] | None:
    """Return the faithfulness of each explanation's row if it is known or requested; else draw the button."""

    def find() -> list[Faithfulness] | None:
        checks = [check for one, row in pairs if (check := service().find_evaluation(one, row))]
        return checks if len(checks) == len(pairs) else None

    def compute(progress: Progress) -> list[Faithfulness]:
        return [
            service().evaluate(one, row, scale_progress(progress, i, len(pairs))) for i, (one, row) in enumerate(pairs)
        ]

    if checks := find():
        return checks
    question = tuple((one.request, row) for one, row in pairs)
    if st.button("Check which are faithful to the model", key=f"{state_key}.go", icon=":material/fact_check:"):
        st.session_state[state_key] = question
    if st.session_state.get(state_key) != question:
        return None
    return run_with_progress(find, compute, state_key, f"check of {len(pairs)} explanations")
