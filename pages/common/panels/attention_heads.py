"""The panel that shows what each attention head attends to when the model generates one token."""

import streamlit as st

from explainers import Explanation
from explainers.analyses.attention_heads import Heads, HeadsRequest, read_heads
from explainers.visualization.charts.attention_heads import describe_figure, draw_layer, draw_token
from explainers.visualization.text.format import format_share, shorten
from explainers.visualization.text.generation import name_target
from pages.common.ui.html import draw_chart
from pages.common.ui.markdown import escape
from pages.common.ui.progress import answer_with_progress

LEAD = (
    "When a model generates a token, each of its attention heads looks back at parts of the text. Where they look "
    "shows how the model works, but does not prove why it chose the token. Zeroing tells more: it measures how far "
    "the output of each layer changes when that layer cannot read a token (one forward pass per layer and token)."
)
BY_PIECE, BY_LAYER = "One token, every head", "Every token, one layer"


def draw(explanation: Explanation, key: str) -> None:
    """Draw a picker of the generated token, and its heads once a button is pressed."""
    own = f"{key}.heads"
    st.markdown(LEAD)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rows = list(range(len(explanation.targets)))
        row = st.selectbox(
            "Generated token",
            rows,
            format_func=lambda i: f"{i + 1} {name_target(explanation, i)}",
            key=f"{own}.row",
            width=260,
        )
        if st.button("Show attention weights", icon=":material/play_arrow:", key=f"{own}.go"):
            st.session_state[f"{own}.asked"] = HeadsRequest(explanation.request, int(row or 0))
        if st.button("Zero the values, layer by layer", icon=":material/play_arrow:", key=f"{own}.zero"):
            st.session_state[f"{own}.asked"] = HeadsRequest(explanation.request, int(row or 0), "zeroing")
    asked: HeadsRequest | None = st.session_state.get(f"{own}.asked")
    if asked is None or asked.request != explanation.request:
        return
    found = answer_with_progress(
        asked,
        lambda progress: read_heads(asked, progress=progress),
        f"{own}.asked",
        f"heads of {asked.request.task}, model {asked.request.model}",
    )
    if found and asked.measure == "zeroing":
        _show_zeroing(found, name_target(explanation, asked.row), own)
    elif found:
        _show_weights(found, name_target(explanation, asked.row), own)


def _show_zeroing(found: Heads, token: str, own: str) -> None:
    """Draw how far the output of each layer moves without each token."""
    seen = _find_attended(found)
    weights, features = found.weights[:, 0, seen], [found.features[i] for i in seen]
    layer, place = divmod(int(weights.argmax()), len(seen))
    said = f"layer {layer + 1} depends most on “{escape(shorten(features[place].text))}”"
    st.markdown(
        f"**{escape(token)}**: {said} ({format_share(float(weights[layer, place]))} of the change of its output)."
    )
    alternative = describe_figure(weights, ("layer", "token"), [feature.text for feature in features])
    draw_chart(draw_layer(weights, features, "layer"), alternative, f"{own}.zeroed")


def _find_attended(found: Heads) -> list[int]:
    """Return the features that any head attends to."""
    return [i for i in range(len(found.features)) if found.weights[:, :, i].any()]


@st.fragment
def _show_weights(found: Heads, token: str, own: str) -> None:
    """Draw one token with every head, or one layer with every token; switching computes nothing."""
    layers = found.weights.shape[0]
    seen = _find_attended(found)
    view = st.segmented_control("Show", (BY_PIECE, BY_LAYER), default=BY_PIECE, required=True, key=f"{own}.view")
    if view == BY_PIECE:
        favourite = max(seen, key=lambda i: (not found.features[i].special, float(found.weights[:, :, i].max())))
        place = st.selectbox(
            "Attention to",
            seen,
            index=seen.index(favourite),
            format_func=lambda i: f"{i + 1} {shorten(found.features[i].text)}",
            key=f"{own}.place",
            width=260,
        )
        place = favourite if place is None else place
        text = found.features[place].text
        layer, head, share = found.find_strongest(place, 1)[0]
        most = f"head {head} of layer {layer} attends most to “{escape(shorten(text))}” ({format_share(share)})"
        st.markdown(f"**{escape(token)}**: {most}.")
        weights = found.weights[:, :, place]
        columns = [str(i + 1) for i in range(weights.shape[1])]
        draw_chart(draw_token(weights, text), describe_figure(weights, ("layer", "head"), columns), f"{own}.piece")
        return
    layer = st.slider("Layer (0: mean over the heads of each)", 0, layers, layers, key=f"{own}.layer", width=320)
    weights = (found.weights.mean(axis=1) if layer == 0 else found.weights[layer - 1])[:, seen]
    features = [found.features[i] for i in seen]
    kind = "layer" if layer == 0 else "head"
    said = describe_figure(weights, (kind, "token"), [feature.text for feature in features])
    draw_chart(draw_layer(weights, features, kind), said, f"{own}.layers")
