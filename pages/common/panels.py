"""What can be done with a result, one panel at a time: nothing of a panel runs before somebody opens it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import streamlit as st

from explainers import Explanation
from explainers.data import Kind

from . import changed, context, heads, swap, whatif
from .attack import attack_it, attackable
from .check import check
from .compare import compare
from .share import share


def always(explanation: Explanation) -> bool:
    """For a panel that fits every result."""
    return True


@dataclass(frozen=True)
class Panel:
    """A panel: its name, its icon, what draws it under a prefix for keys, and which results it fits."""

    name: str
    icon: str
    draw: Callable[[Explanation, str], None]
    kinds: tuple[Kind, ...] = get_args(Kind)
    fits: Callable[[Explanation], object] = always


SHARE = Panel("Share and repeat", "share", share)
PANELS = (
    SHARE,
    Panel("Check it", "fact_check", check),
    Panel("Attack it", "bolt", attack_it, fits=attackable),
    Panel("Compare", "compare", compare),
    Panel("What if", "edit", whatif.whatif, ("text",)),
    Panel("Change the text", "edit_note", changed.changed, ("generation",)),
    Panel("Other words", "swap_horiz", swap.swap, ("generation",), swap.swappable),
    Panel("Context", "contextual_token", context.context, ("generation",)),
    Panel("Attention", "visibility", heads.explorer, ("generation",)),
)


def panels(explanation: Explanation, key: str) -> None:
    """Draw the row of panels that fit, and the one that is open."""
    fitting = {panel.name: panel for panel in PANELS if explanation.kind in panel.kinds and panel.fits(explanation)}
    own = f"{key}.panel"
    if st.session_state.get(own) not in fitting:
        st.session_state[own] = SHARE.name
    st.segmented_control(
        "Go on from here",
        list(fitting),
        format_func=lambda name: f":material/{fitting[name].icon}: {name}",
        required=True,
        key=own,
    )
    fitting[st.session_state[own]].draw(explanation, key)
