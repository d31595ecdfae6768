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
    "shows how the model works, but does not prove why it chose the token. Zeroing shows more: it measures how much "
    "the output of each layer changes when that layer cannot read a token (one forward pass per layer and token)."
)
BY_TOKEN, BY_LAYER = "One token, every head", "Every token, one layer"


def draw(explanation: Explanation, key: str) -> None:
    """Draw a picker of the generated token, and its heads once a button is pressed."""
    prefix = f"{key}.heads"
    st.markdown(LEAD)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rows = list(range(len(explanation.targets)))
        row = st.selectbox(
            "Generated token",
            rows,
            format_func=lambda i: f"{i + 1} {name_target(explanation, i)}",
            key=f"{prefix}.row",
            width=260,
        )
        if st.button("Show attention weights", icon=":material/play_arrow:", key=f"{prefix}.go"):
            st.session_state[f"{prefix}.question"] = HeadsRequest(explanation.request, int(row or 0))
        if st.button("Zero the values, layer by layer", icon=":material/play_arrow:", key=f"{prefix}.zero"):
            st.session_state[f"{prefix}.question"] = HeadsRequest(explanation.request, int(row or 0), "zeroing")
    question: HeadsRequest | None = st.session_state.get(f"{prefix}.question")
    if question is None or question.request != explanation.request:
        return
    heads = answer_with_progress(
        question,
        lambda progress: read_heads(question, progress=progress),
        f"{prefix}.question",
        f"heads of {question.request.task}, model {question.request.model}",
    )
    if heads and question.measure == "zeroing":
        _show_zeroing(heads, name_target(explanation, question.row), prefix)
    elif heads:
        _show_weights(heads, name_target(explanation, question.row), prefix)


def _show_zeroing(heads: Heads, token: str, prefix: str) -> None:
    """Draw how much the output of each layer changes when it cannot read each token."""
    attended = _find_attended(heads)
    weights, features = heads.weights[:, 0, attended], [heads.features[i] for i in attended]
    layer, place = divmod(int(weights.argmax()), len(attended))
    summary = f"layer {layer + 1} depends most on “{escape(shorten(features[place].text))}”"
    st.markdown(
        f"**{escape(token)}**: {summary} ({format_share(float(weights[layer, place]))} of the change of its output)."
    )
    alternative = describe_figure(weights, ("layer", "token"), [feature.text for feature in features])
    draw_chart(draw_layer(weights, features, "layer"), alternative, f"{prefix}.zeroed")


def _find_attended(heads: Heads) -> list[int]:
    """Return the features that any head attends to."""
    return [i for i in range(len(heads.features)) if heads.weights[:, :, i].any()]


@st.fragment
def _show_weights(heads: Heads, token: str, prefix: str) -> None:
    """Draw one token with every head, or one layer with every token; switching computes nothing."""
    layers = heads.weights.shape[0]
    attended = _find_attended(heads)
    view = st.segmented_control("Show", (BY_TOKEN, BY_LAYER), default=BY_TOKEN, required=True, key=f"{prefix}.view")
    if view == BY_TOKEN:
        default = max(attended, key=lambda i: (not heads.features[i].special, float(heads.weights[:, :, i].max())))
        place = st.selectbox(
            "Attention to",
            attended,
            index=attended.index(default),
            format_func=lambda i: f"{i + 1} {shorten(heads.features[i].text)}",
            key=f"{prefix}.place",
            width=260,
        )
        place = default if place is None else place
        text = heads.features[place].text
        layer, head, share = heads.find_strongest(place, 1)[0]
        summary = f"head {head} of layer {layer} attends most to “{escape(shorten(text))}” ({format_share(share)})"
        st.markdown(f"**{escape(token)}**: {summary}.")
        weights = heads.weights[:, :, place]
        columns = [str(i + 1) for i in range(weights.shape[1])]
        draw_chart(draw_token(weights, text), describe_figure(weights, ("layer", "head"), columns), f"{prefix}.piece")
        return
    layer = st.slider("Layer (0: mean over the heads of each)", 0, layers, layers, key=f"{prefix}.layer", width=320)
    weights = (heads.weights.mean(axis=1) if layer == 0 else heads.weights[layer - 1])[:, attended]
    features = [heads.features[i] for i in attended]
    kind = "layer" if layer == 0 else "head"
    summary = describe_figure(weights, (kind, "token"), [feature.text for feature in features])
    draw_chart(draw_layer(weights, features, kind), summary, f"{prefix}.layers")
