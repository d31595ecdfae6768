"""Compare: what changes in a map when the method, the model, the baseline or the text does?

Knows Requests alone.
"""

import streamlit as st

from pages.common.frame import self_sufficient

self_sufficient()  # before the imports that take seconds

from explainers import TASKS  # noqa: E402
from pages.common.comparison import comparison  # noqa: E402

st.title("Compare", anchor=False)
st.markdown("What changes in a map when the method, the model, the baseline or the text does, and what stays?")
comparison(TASKS)
