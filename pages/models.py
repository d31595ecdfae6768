"""Models: what each is, how well it does, and which methods work on it, drawn from the catalogue.

Knows no model.
"""

import streamlit as st

from pages.common.frame import self_sufficient

self_sufficient()  # before the imports that take seconds

from explainers import CARDS  # noqa: E402
from explainers.settings import settings  # noqa: E402
from pages.common.results import listed, literal  # noqa: E402

st.title("Models", anchor=False)
st.markdown("Every model that Wherefore knows by name. Its labels are what it can say; the measured score is ours.")
if settings().any_model:
    st.markdown(
        "Any other classifier works too: type its Hugging Face id, or the path of its folder, where a page lets you "
        "choose the model. Weights must be safetensors."
    )
for card in CARDS.values():
    with st.container(border=True):
        st.subheader(literal(card.label), anchor=False)
        listed(card)
        for task in card.tasks:
            st.page_link(
                f"pages/{task}.py",
                label="Explain it",
                icon=":material/arrow_forward:",
                query_params={"model": card.key},
            )
