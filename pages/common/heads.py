"""The panel that shows where each attention head looked when the model wrote one token.

Knows Explanations; the weights come from `explainers.heads`.
"""

import streamlit as st

from explainers import Explanation
from explainers.heads import Heads, Question, heads
from explainers.views.generation import name
from explainers.views.heads import alt, one_layer, one_piece
from explainers.views.text import percent, short

from . import drawn
from .words import literal
from .work import answered

LEAD = (
    "When the model writes a token, each of its attention heads looks back at some of the text. This is where they "
    "look: it is a part of how the model works, and no proof of what the token was made from. Zeroed values are nearer "
    "to one: how far each layer's state moves when it can take nothing from a piece, a pass for each layer and piece."
)
BY_PIECE, BY_LAYER = "One piece, every head", "Every piece, one layer"


def explorer(explanation: Explanation, key: str) -> None:
    """Draw the choice of a token, and its heads when the button was pressed."""
    own = f"{key}.heads"
    st.markdown(LEAD)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rows = list(range(len(explanation.targets)))
        row = st.selectbox(
            "Written token", rows, format_func=lambda i: f"{i + 1} {name(explanation, i)}", key=f"{own}.row", width=260
        )
        if st.button("Show where its heads look", icon=":material/play_arrow:", key=f"{own}.go"):
            st.session_state[f"{own}.asked"] = Question(explanation.request, int(row or 0))
        if st.button("Zero the values of each layer", icon=":material/play_arrow:", key=f"{own}.zero"):
            st.session_state[f"{own}.asked"] = Question(explanation.request, int(row or 0), "zeroing")
    asked: Question | None = st.session_state.get(f"{own}.asked")
    if asked is None or asked.request != explanation.request:
        return
    found = answered(
        asked,
        lambda progress: heads(asked, progress=progress),
        f"{own}.asked",
        f"heads of {asked.request.task}, model {asked.request.model}",
    )
    if found and asked.told == "zeroing":
        _moved(found, name(explanation, asked.row), own)
    elif found:
        _shown(found, name(explanation, asked.row), own)


def _moved(found: Heads, token: str, own: str) -> None:
    """Each layer and each piece: how far the state moves."""
    seen = _seen(found)
    weights, features = found.weights[:, 0, seen], [found.features[i] for i in seen]
    layer, place = divmod(int(weights.argmax()), len(seen))
    said = f"layer {layer + 1} takes most from “{literal(short(features[place].text))}”"
    st.markdown(f"**{literal(token)}**: {said} ({percent(float(weights[layer, place]))} of how far its state moves).")
    alternative = alt(weights, ("layer", "piece"), [feature.text for feature in features])
    drawn.chart(one_layer(weights, features, "layer"), alternative, f"{own}.zeroed")


def _seen(found: Heads) -> list[int]:
    """The features that any head looks at."""
    return [i for i in range(len(found.features)) if found.weights[:, :, i].any()]


@st.fragment
def _shown(found: Heads, token: str, own: str) -> None:
    """One piece with every head, or one layer with every piece; switching computes nothing."""
    layers = found.weights.shape[0]
    seen = _seen(found)
    view = st.segmented_control("Show", (BY_PIECE, BY_LAYER), default=BY_PIECE, required=True, key=f"{own}.view")
    if view == BY_PIECE:
        favourite = max(seen, key=lambda i: (not found.features[i].special, float(found.weights[:, :, i].max())))
        place = st.selectbox(
            "Looking at",
            seen,
            index=seen.index(favourite),
            format_func=lambda i: f"{i + 1} {short(found.features[i].text)}",
            key=f"{own}.place",
            width=260,
        )
        place = favourite if place is None else place
        text = found.features[place].text
        layer, head, share = found.strongest(place, 1)[0]
        most = f"head {head} of layer {layer} looks most at “{literal(short(text))}” ({percent(share)})"
        st.markdown(f"**{literal(token)}**: {most}.")
        weights = found.weights[:, :, place]
        columns = [str(i + 1) for i in range(weights.shape[1])]
        drawn.chart(one_piece(weights, text), alt(weights, ("layer", "head"), columns), f"{own}.piece")
        return
    layer = st.slider("Layer (0 for the mean of each)", 0, layers, layers, key=f"{own}.layer", width=320)
    weights = (found.weights.mean(axis=1) if layer == 0 else found.weights[layer - 1])[:, seen]
    features = [found.features[i] for i in seen]
    kind = "layer" if layer == 0 else "head"
    said = alt(weights, (kind, "piece"), [feature.text for feature in features])
    drawn.chart(one_layer(weights, features, kind), said, f"{own}.layers")
