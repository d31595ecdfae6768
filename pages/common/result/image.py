"""The result on an image: its heatmap in four views, the most probable labels, and a PNG to download."""

from dataclasses import replace

import streamlit as st

from explainers import Explanation, Request, Target
from explainers.visualization.image.figure import NAMES, describe_figure, draw_figure
from explainers.visualization.image.heatmap import SIGNS, Look
from explainers.visualization.image.html import render_image_legend
from explainers.visualization.image.render import render_png
from explainers.visualization.text.format import format_share, shorten
from pages.common.ui.html import draw_chart, draw_html, offer_download
from pages.common.ui.markdown import escape

SIGN_NAMES = dict(zip(SIGNS, ("All", "Towards", "Away", "Strength"), strict=True))
BEST = 5
CONFIG = {"displayModeBar": False, "displaylogo": False, "scrollZoom": False}
OUTLIERS = "Share of the total score that may exceed full colour. Higher values make weak areas visible."
PIXELS = ("Original", "As the model sees it")


def show_image(explanation: Explanation, row: int, key: str) -> None:
    """Draw the heatmap with the controls of its look; switching them computes nothing."""
    _pick_label(explanation, key)
    place = st.container()
    look = _pick_look(key)
    with place:
        description = describe_figure(explanation, look, row)
        draw_chart(draw_figure(explanation, look, row), description, f"{key}.image", theme=None, config=CONFIG)
        draw_html(render_image_legend(explanation, look, row))
    offer_download(
        "Download PNG",
        lambda: render_png(explanation, look, row),
        "wherefore.png",
        "image/png",
        key=f"{key}.png",
        help="This view, in the image's own size.",
    )


def _pick_look(key: str) -> Look:
    """Draw the controls of the look, and return it."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.pills(
            "View", list(NAMES), default="overlay", format_func=lambda k: NAMES[k], required=True, key=f"{key}.kind"
        )
        sign = st.pills(
            "Effect", SIGNS, default="all", format_func=lambda s: SIGN_NAMES[s], required=True, key=f"{key}.sign"
        )
        pixels = st.pills("Picture", PIXELS, default=PIXELS[0], required=True, key=f"{key}.pixels")
        outliers = st.slider("Outliers, %", 0, 50, 10, key=f"{key}.outliers", width=160, help=OUTLIERS)
        beside = st.toggle("Side by side", key=f"{key}.beside")
    return Look(kind, sign, outliers / 100, pixels == PIXELS[0], beside)


def _pick_label(explanation: Explanation, key: str) -> None:
    """Draw the most probable labels; a click on one explains it."""
    request_key, again = f"{key}.request", f"{key}.again"
    if st.session_state.pop(again, False):
        st.rerun(scope="app")
    request = st.session_state.get(request_key)
    if not isinstance(request, Request):
        return
    targets = {str(target.label): target for target in explanation.prediction.targets[:BEST]}
    explained = str(explanation.targets[0].label)
    widget = f"{key}.best"

    def pick() -> None:
        if label := st.session_state[widget]:
            st.session_state[request_key] = replace(request, target=Target(label=label))
            st.session_state[f"{key}.target"], st.session_state[again] = label, True

    st.session_state[widget] = explained if explained in targets else None
    st.pills(
        "Most probable labels: click one to explain it",
        list(targets),
        format_func=lambda name: escape(f"{shorten(name, 30)} {format_share(targets[name].probability or 0.0)}"),
        key=widget,
        on_change=pick,
    )
