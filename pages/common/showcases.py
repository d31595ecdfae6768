"""Cards that lead to results worth a look.

Knows Requests alone.
"""

import streamlit as st

from explainers.links import packed
from explainers.showcases import SHOWCASES, Showcase
from explainers.views.quote import quote

from . import drawn
from .frame import TASK_PAGES
from .grid import grid
from .words import literal


def showcases() -> None:
    """A card for each case whose task has a page."""
    pages = [key for key, *_ in TASK_PAGES]
    grid([showcase for showcase in SHOWCASES if showcase.request.task in pages], _card)


def _card(showcase: Showcase) -> None:
    request = showcase.request
    query = {name: text for name, text in packed(request.to_query()).items() if name != "task"}
    icon = ":material/arrow_forward:"
    st.page_link(f"pages/{request.task}.py", label=f"**{literal(showcase.title)}**", icon=icon, query_params=query)
    drawn.markup(quote(list(request.texts.values()), showcase.claim.strongest))
    st.markdown(literal(showcase.said))
