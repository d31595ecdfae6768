"""The panel that checks an explanation: how the prediction changes without the words that it ranks highest."""

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
    "the model is run again; then the same in random order. A faithful explanation does better than chance."
)
CURVES = {
    "comprehensiveness": "**Without the strongest {}s** (comprehensiveness): the line should lie above the grey band.",
    "sufficiency": "**With the strongest {}s only** (sufficiency): the line should lie below the grey band.",
}


def draw(explanation: Explanation, key: str) -> None:
    """Draw a button that checks the explanation of one target, and the result."""
    row, state_key = _pick_row(explanation, key), f"{key}.checking"
    check = service().find_evaluation(explanation, row)
    if check is None:
        st.markdown(LEAD)
        if st.button("Check this explanation", key=f"{key}.check", icon=":material/fact_check:"):
            st.session_state[state_key] = (explanation.request, row)
        if st.session_state.get(state_key) != (explanation.request, row):
            return
        check = run_with_progress(
            lambda: service().find_evaluation(explanation, row),
            lambda progress: service().evaluate(explanation, row, progress),
            state_key,
            f"check of task {explanation.request.task}, model {explanation.request.model}",
        )
        if check is None:
            return
        if service().find_evaluation(explanation, row):
            st.rerun()  # so that the sentence at the top mentions it too
    _show(check, key)


def _pick_row(explanation: Explanation, key: str) -> int:
    """Return the target to check; draw a picker if there are several."""
    targets, widget = explanation.targets, f"{key}.check.row"
    if len(targets) == 1:
        return 0
    rows = range(len(targets))
    if st.session_state.get(widget) not in rows:
        st.session_state[widget] = 0
    names = number_duplicates(shorten(name_target(target), 60) for target in targets)
    return int(st.selectbox("Explanation to check", rows, format_func=names.__getitem__, key=widget))


def _show(check: Faithfulness, key: str) -> None:
    draw_html(render_lead(describe_faithfulness(check)))
    for place, (which, title) in zip(st.columns(2), CURVES.items(), strict=True):
        with place:
            st.markdown(title.format(check.piece))
            draw_chart(draw_curve(check, which), describe_curve(check, which), f"{key}.check.{which}")
    draw_html(render_measures(check))
    ranked = "score" if check.signed else "size of their scores"
    orders = f"all {check.rankings}" if check.every_order else f"{check.rankings} random"
    st.caption(
        f"{check.pieces} {check.piece}s, ranked by {ranked}, were replaced by the baseline, and compared with "
        f"{orders} orders: {check.evaluations[0]} forward passes in {check.seconds:.1f} s."
    )
    with st.container(horizontal=True):
        offer_download(
            "Download check, JSON", lambda: to_json(check), "check.json", "application/json", key=f"{key}.cj"
        )
        offer_download("Download check, CSV", lambda: to_csv(check), "check.csv", "text/csv", key=f"{key}.cc")
