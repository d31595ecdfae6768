"""Cards in rows, on every page that shows several things of a kind.

Knows nothing of what is on them.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st

Item = TypeVar("Item")


def grid(items: Sequence[Item], draw: Callable[[Item], None], columns: int = 2) -> None:
    """A framed card an item, as high as its neighbours."""
    for first in range(0, len(items), columns):
        for place, item in zip(st.columns(columns), items[first : first + columns], strict=False):
            with place.container(border=True, height="stretch"):
                draw(item)
