"""Example photographs as thumbnails to click.

Knows Examples; what a click does is the caller's to say.
"""

from collections.abc import Callable, Sequence
from functools import cache

import streamlit as st

from explainers.pictures import read
from explainers.request import Picture
from explainers.task import Example
from explainers.views.drawings import address

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


def photographs(examples: Sequence[Example], key: str, choose: Callable[[Example], None]) -> None:
    """Draw the examples' pictures; a click chooses one."""

    def clicked() -> None:
        index = st.session_state[key]["index"]
        if index is not None:
            choose(examples[int(index)])

    photos = [{"label": example.label, "source": _thumbnail(_picture(example))} for example in examples]
    PHOTOS(data={"photos": photos}, key=key, on_index_change=clicked)


def _picture(example: Example) -> Picture:
    return next(given for _, given in example.inputs if isinstance(given, Picture))


@cache
def _thumbnail(picture: Picture) -> str:
    return address(read(picture), SIDE)
