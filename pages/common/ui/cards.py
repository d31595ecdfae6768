"""Cards in rows, and the showcases of the home page."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st

from explainers.analyses.gallery import GALLERY, GalleryItem
from explainers.request import pack
from explainers.visualization.text.quote import render_quotation
from pages.common.navigation import TASK_PAGES
from pages.common.ui.html import draw_html
from pages.common.ui.markdown import escape

Item = TypeVar("Item")


def draw_grid(items: Sequence[Item], draw: Callable[[Item], None], columns: int = 2) -> None:
    """Draw a framed card for each item, as high as its neighbours."""
    for first in range(0, len(items), columns):
        for place, item in zip(st.columns(columns), items[first : first + columns], strict=False):
            with place.container(border=True, height="stretch"):
                draw(item)


def draw_showcases() -> None:
    """Draw a card that leads to the result of each showcase whose task has a page."""
    pages = [key for key, *_ in TASK_PAGES]
    draw_grid([showcase for showcase in GALLERY if showcase.request.task in pages], _draw_showcase)


def _draw_showcase(showcase: GalleryItem) -> None:
    request = showcase.request
    query = {name: text for name, text in pack(request.to_query()).items() if name != "task"}
    icon = ":material/arrow_forward:"
    st.page_link(f"pages/{request.task}.py", label=f"**{escape(showcase.title)}**", icon=icon, query_params=query)
    draw_html(render_quotation(list(request.texts.values()), showcase.claim.strongest))
    st.markdown(escape(showcase.text))
