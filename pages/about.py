"""About: what an explanation says, and what it does not."""

import streamlit as st

from pages.common.navigation import open_page

open_page()
st.title("About these explanations", anchor=False)
st.markdown("""
**What you see.** A model turns a text or an image into a number, for example the probability of *positive*. The
colours show how much each word, or each part of the image, raised (blue) or lowered (orange) that number, compared
with an input without it. The stronger the colour, the larger the effect.

**What it does not say.** An explanation is about *this model's number*. It does not say that the model is right, that
the author meant it, or that it is true. Another model, or another label of the same model, has another explanation.

**How far you can trust it.** With integrated gradients, the effects of all words must add up to the whole change of
the number. Wherefore computes more steps until they nearly do, and shows what is left unexplained. It also runs the
model once in the ordinary way, and shows no explanation if the two numbers differ. The panel *Check it* tests whether
the words with the strongest colours really matter to the model.

**Your text or image.** It is sent to the computer that runs this page, kept in its memory for a while so that the
same question is not computed twice, and never written to disk. A link contains your text only if you copy one, and
never your image.
""")
