"""The panels below a result, such as Share or Compare. Only the open panel is run.

A panel is a module with a function `draw(explanation, key)`; `key` is the prefix of its session-state keys.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import streamlit as st

from explainers import Explanation
from explainers.results.explanation import Kind
from pages.common.panels import (
    attack,
    attention_heads,
    compare,
    context,
    edit_and_diff,
    faithfulness,
    share,
    substitution,
    what_if,
)


@dataclass(frozen=True)
class Panel:
    """A panel: its name, its icon, the function that draws it, and the results that it fits (default: all)."""

    name: str
    icon: str
    draw: Callable[[Explanation, str], None]
    kinds: tuple[Kind, ...] = get_args(Kind)
    fits: Callable[[Explanation], object] = lambda explanation: True


PANELS = (
    Panel("Share", "share", share.draw),
    Panel("Check it", "fact_check", faithfulness.draw),
    Panel("Attack it", "bolt", attack.draw, fits=attack.fits),
    Panel("Compare", "compare", compare.draw),
    Panel("What if", "edit", what_if.draw, ("text",)),
    Panel("Edit the text", "edit_note", edit_and_diff.draw, ("generation",)),
    Panel("Substitute a word", "swap_horiz", substitution.draw, ("generation",), substitution.list_places),
    Panel("Context", "contextual_token", context.draw, ("generation",)),
    Panel("Attention", "visibility", attention_heads.draw, ("generation",)),
)


def draw_panels(explanation: Explanation, key: str) -> None:
    """Draw the names of the panels that fit, and the one that is open."""
    fitting = {panel.name: panel for panel in PANELS if explanation.kind in panel.kinds and panel.fits(explanation)}
    widget = f"{key}.panel"
    if st.session_state.get(widget) not in fitting:
        st.session_state[widget] = PANELS[0].name
    st.segmented_control(
        "What next?",
        list(fitting),
        format_func=lambda name: f":material/{fitting[name].icon}: {name}",
        required=True,
        key=widget,
    )
    fitting[st.session_state[widget]].draw(explanation, key)
