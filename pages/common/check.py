"""The panel that checks a map: what the model says without the pieces that the map calls most important.

Knows Explanations; what is measured is `explainers.metrics`' to say.
"""

import streamlit as st

from explainers import Explanation, Faithfulness
from explainers.checked_file import to_csv, to_json
from explainers.serving.service import backend
from explainers.views.curves import alt, curve
from explainers.views.html import lead
from explainers.views.text import distinct, named, short
from explainers.views.verdict import measures, verdict

from . import drawn
from .work import worked

CURVES = {
    "comprehensiveness": "**Take the strongest {}s away.** A good map's line lies above the grey band.",
    "sufficiency": "**Keep only the strongest {}s.** A good map's line lies below the grey band.",
}


def check(explanation: Explanation, key: str) -> None:
    """A button that checks one target's map, and what was found."""
    row, asked = _row(explanation, key), f"{key}.checking"
    found = backend().checked(explanation, row)
    if found is None:
        st.markdown(
            "Does this map say what moves the model? To find out, the pieces that it calls most important are taken "
            "away bit by bit, and the model is asked again; then the same with pieces in random order."
        )
        if st.button("Check this map", key=f"{key}.check", icon=":material/fact_check:"):
            st.session_state[asked] = (explanation.request, row)
        if st.session_state.get(asked) != (explanation.request, row):
            return
        found = worked(
            lambda: backend().checked(explanation, row),
            lambda progress: backend().evaluate(explanation, row, progress),
            asked,
            f"check of task {explanation.request.task}, model {explanation.request.model}",
        )
        if found is None:
            return
        if backend().checked(explanation, row):
            st.rerun()  # so that the answer at the top says it too
    _shown(found, key)


def _row(explanation: Explanation, key: str) -> int:
    """The target whose map is checked; a picker where there are several."""
    targets, own = explanation.targets, f"{key}.check.row"
    if len(targets) == 1:
        return 0
    rows = range(len(targets))
    if st.session_state.get(own) not in rows:
        st.session_state[own] = 0
    names = distinct(short(named(target), 60) for target in targets)
    return int(st.selectbox("Map to check", rows, format_func=names.__getitem__, key=own))


def _shown(found: Faithfulness, key: str) -> None:
    drawn.markup(lead(verdict(found)))
    for place, (which, said) in zip(st.columns(2), CURVES.items(), strict=True):
        with place:
            st.markdown(said.format(found.piece))
            drawn.chart(curve(found, which), alt(found, which), f"{key}.check.{which}")
    drawn.markup(measures(found))
    forward, _ = found.evaluations
    st.caption(_how(found, forward))
    with st.container(horizontal=True):
        drawn.file("Download check, JSON", lambda: to_json(found), "check.json", "application/json", key=f"{key}.cj")
        drawn.file("Download check, CSV", lambda: to_csv(found), "check.csv", "text/csv", key=f"{key}.cc")


def _how(found: Faithfulness, forward: int) -> str:
    ranked = "how hard they push towards the target" if found.signed else "the size of their scores"
    others = f"all {found.rankings} orders" if found.every_order else f"{found.rankings} random rankings"
    return (
        f"{found.pieces} {found.piece}s, ranked by {ranked}, are replaced by the map's baseline and compared with "
        f"{others}. Passes through the model: {forward}, in {found.seconds:.1f} s. No gradient is computed."
    )
