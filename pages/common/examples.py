"""A task's examples as pills or photographs to click.

Knows Examples; what is done with the one that is chosen is the caller's to say.
"""

from collections.abc import Callable

import streamlit as st

from explainers.task import Example, Task

from . import inputs, targets
from .photographs import photographs


def examples(task: Task, prefix: str, chosen: Callable[[Example], None]) -> None:
    """Draw the examples; a click fills the task's fields with one, and asks about what the model says of it."""
    by_label = {example.label: example for example in task.examples}
    key = f"{prefix}.example"

    def choose(example: Example) -> None:
        inputs.fill(task, dict(example.inputs))
        targets.clear(task)
        chosen(example)

    def clicked() -> None:
        if example := by_label.get(st.session_state[key]):
            choose(example)
            st.session_state[key] = None

    if any(field.kind == "image" for field in task.fields):
        photographs(task.examples, f"{key}.photographs", choose)
    else:
        st.pills("Examples", list(by_label), key=key, on_change=clicked)
