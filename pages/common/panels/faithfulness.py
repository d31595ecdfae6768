"""The panel that checks an explanation: how the model's answer changes without the words that it ranks highest."""

import streamlit as st

from explainers import Explanation, Faithfulness
from explainers.export.faithfulness import to_csv, to_json
from explainers.serving.service import service
from explainers.visualization.charts.perturbation_curves import describe_curve, draw_curve
from explainers.visualization.html import render_lead
from explainers.visualization.summaries.faithfulness import describe_faithfulness, render_measures
from explainers.visualization.text.format import name_target, number_duplicates, shorten
from pages.common.ui.html import draw_chart, draw_html, offer_download
from pages.common.ui.progress import run_with_progress

LEAD = (
    "Does the model really depend on what is coloured most? The strongest words or parts are removed bit by bit and "
    "the model is asked again; then the same in random order. A faithful explanation does better than chance."
)
CURVES = {
    "comprehensiveness": "**Without the strongest {}s** (comprehensiveness): the line should lie above the grey band.",
    "sufficiency": "**With the strongest {}s only** (sufficiency): the line should lie below the grey band.",
}


def draw(explanation: Explanation, key: str) -> None:
    """Draw a button that checks the explanation of one target, and the result."""
    row, asked = _pick_row(explanation, key), f"{key}.checking"
    found = service().find_evaluation(explanation, row)
    if found is None:
        st.markdown(LEAD)
        if st.button("Check this explanation", key=f"{key}.check", icon=":material/fact_check:"):
            st.session_state[asked] = (explanation.request, row)
        if st.session_state.get(asked) != (explanation.request, row):
            return
        found = run_with_progress(
            lambda: service().find_evaluation(explanation, row),
            lambda progress: service().evaluate(explanation, row, progress),
            asked,
            f"check of task {explanation.request.task}, model {explanation.request.model}",
        )
        if found is None:
            return
        if service().find_evaluation(explanation, row):
            st.rerun()  # so that the answer at the top says it too
    _show(found, key)


def _pick_row(explanation: Explanation, key: str) -> int:
    """Return the target to check; draw a picker if there are several."""
    targets, own = explanation.targets, f"{key}.check.row"
    if len(targets) == 1:
        return 0
    rows = range(len(targets))
    if st.session_state.get(own) not in rows:
        st.session_state[own] = 0
    names = number_duplicates(shorten(name_target(target), 60) for target in targets)
    return int(st.selectbox("Explanation to check", rows, format_func=names.__getitem__, key=own))


def _show(found: Faithfulness, key: str) -> None:
    draw_html(render_lead(describe_faithfulness(found)))
    for place, (which, said) in zip(st.columns(2), CURVES.items(), strict=True):
        with place:
            st.markdown(said.format(found.piece))
            draw_chart(draw_curve(found, which), describe_curve(found, which), f"{key}.check.{which}")
    draw_html(render_measures(found))
    ranked = "score" if found.signed else "size of their scores"
    orders = "all" if found.every_order else "random"
    st.caption(
        f"{found.pieces} {found.piece}s, ranked by {ranked}, were replaced by the baseline, and compared with "
        f"{found.rankings} {orders} orders: {found.evaluations[0]} forward passes in {found.seconds:.1f} s."
    )
    with st.container(horizontal=True):
        offer_download(
            "Download check, JSON", lambda: to_json(found), "check.json", "application/json", key=f"{key}.cj"
        )
        offer_download("Download check, CSV", lambda: to_csv(found), "check.csv", "text/csv", key=f"{key}.cc")
