"""About: what a map says, and what it does not.

Knows nothing but words.
"""

import streamlit as st

from pages.common.frame import self_sufficient

self_sufficient()
st.title("About these maps", anchor=False)
st.markdown("""
**What you see.** A model turns a text or a picture into a number, for example the probability of *positive*. A map
says how much each word, or each part of the picture, moved that number, compared with the same without it. Blue moved
it up, orange moved it down; the stronger the colour, the larger the move.

**What it does not say.** The map is about *this model's number*. It does not say that the model is right, that the
author meant it so, or that the world is so. Another model, or another question to the same model, gives another map.

**Why you can check it.** With integrated gradients the moves of all words must add up to the whole change of the
number. Wherefore refines the map until they nearly do, and shows what is left unexplained. It also runs the model
once without any of its own machinery, and refuses to show a map if the two numbers differ.

**Your text or picture.** It is sent to the computer that runs this page, kept in its memory for a while so that the
same question need not be computed twice, and written nowhere. A link contains your text only if you copy one, and
never your picture.
""")
