"""The examples of a task, as pills or photographs to click."""

from collections.abc import Callable, Sequence
from functools import cache

import streamlit as st

from explainers.inputs.images import decode
from explainers.request import Picture
from explainers.tasks.base import Example, Task
from explainers.visualization.image.render import make_data_url
from pages.common.form.inputs import fill_inputs
from pages.common.form.target import reset_target

SIDE = 192  # pixels, shown at half that size
CSS = """
.wf-photos { display: flex; flex-wrap: wrap; gap: .5rem; }
.wf-photos button { padding: 0; border: 2px solid transparent; border-radius: .5rem; }
.wf-photos button { background: none; cursor: pointer; }
.wf-photos button:hover, .wf-photos button:focus-visible { border-color: var(--st-primary-color); outline: none; }
.wf-photos img { display: block; width: 96px; height: 72px; object-fit: cover; border-radius: .35rem; }
"""
JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector(".wf-photos");
  box.replaceChildren(...data.photos.map((photo, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = photo.label;
    const image = document.createElement("img");
    image.src = photo.source;
    image.alt = photo.label;
    button.append(image);
    button.onclick = () => setTriggerValue("index", index);
    return button;
  }));
}
"""
HTML = '<div class="wf-photos" role="group" aria-label="Example photographs"></div>'
PHOTOS = st.components.v2.component("wherefore_photos", html=HTML, css=CSS, js=JS)


def draw_examples(task: Task, prefix: str, use: Callable[[Example], None]) -> None:
    """Draw the examples; a click fills the fields with one, resets the target, and calls `use`."""
    by_label = {example.label: example for example in task.examples}
    key = f"{prefix}.example"

    def choose(example: Example) -> None:
        fill_inputs(task, dict(example.inputs))
        reset_target(task)
        use(example)

    def clicked() -> None:
        if example := by_label.get(st.session_state[key]):
            choose(example)
            st.session_state[key] = None

    if any(field.kind == "image" for field in task.fields):
        _draw_photographs(task.examples, f"{key}.photographs", choose)
    else:
        st.pills("Examples", list(by_label), key=key, on_change=clicked)


def _draw_photographs(examples: Sequence[Example], key: str, choose: Callable[[Example], None]) -> None:
    """Draw the example images; a click calls `choose` with one."""

    def clicked() -> None:
        index = st.session_state[key]["index"]
        if index is not None:
            choose(examples[int(index)])

    photos = [{"label": example.label, "source": _make_thumbnail(_get_picture(example))} for example in examples]
    st.caption("Examples: click one to explain it")
    PHOTOS(data={"photos": photos}, key=key, on_index_change=clicked)


def _get_picture(example: Example) -> Picture:
    return next(value for _, value in example.inputs if isinstance(value, Picture))


@cache
def _make_thumbnail(picture: Picture) -> str:
    return make_data_url(decode(picture), SIDE)
