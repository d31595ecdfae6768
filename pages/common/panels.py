"""What can be done with a result, one panel at a time: nothing of a panel runs before somebody opens it.

Knows Explanations; each panel is a function in a file of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from explainers import Explanation

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
    fits: Callable[[Explanation], bool] = always


SHARE = Panel("Share and repeat", "share", share)
PANELS = (
    SHARE,
    Panel("Check it", "fact_check", check),
    Panel("Attack it", "bolt", attack_it, attackable),
    Panel("Compare", "compare", compare),
    Panel("What if", "edit", whatif.whatif, whatif.fits),
    Panel("Change the text", "edit_note", changed.changed, changed.fits),
    Panel("Other words", "swap_horiz", swap.swap, swap.fits),
    Panel("Context", "contextual_token", context.context, context.fits),
    Panel("Attention", "visibility", heads.explorer, heads.fits),
)


def panels(explanation: Explanation, key: str) -> None:
    """Draw the row of panels that fit, and the one that is open."""
    fitting = {panel.name: panel for panel in PANELS if panel.fits(explanation)}
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
