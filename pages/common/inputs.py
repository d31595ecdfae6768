"""The things that a person gives to a task, drawn from its fields: texts, lines, lists of labels, images.

Knows Requests; what is in an image is not read here.
"""

from collections.abc import Mapping

import streamlit as st

from explainers import ExplainerError
from explainers.pictures import read
from explainers.request import Picture
from explainers.settings import settings
from explainers.task import Field, Task

TYPES = ["png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff"]
Given = str | Picture


SECOND = ".2"  # behind the key of a field that stands there once more, for another text to compare with


def key_of(task: Task, field: Field, which: str = "") -> str:
    """Where the session keeps what is given for a field."""
    return f"{task.key}.{field.name}{which}"


def given(task: Task, which: str = "") -> dict[str, Given]:
    """Draw the task's fields, once or for a second time; what is given for each, nothing for what may stay empty."""
    found = {field.name: _given(task, field, which) for field in task.fields if not field.aside}
    if aside := [field for field in task.fields if field.aside]:
        filled = any(st.session_state.get(key_of(task, field, which)) for field in aside)
        with st.expander("More to tell the model", expanded=filled):
            found |= {field.name: _given(task, field, which) for field in aside}
    optional = {field.name for field in task.fields if field.optional}
    return {name: value for name, value in found.items() if value is not None and (value or name not in optional)}


def _given(task: Task, field: Field, which: str) -> Given | None:
    return _image(task, field) if field.kind == "image" else _text(task, field, which)


def _text(task: Task, field: Field, which: str) -> str:
    draw = st.text_area if field.kind == "text" else st.text_input
    typed = draw(
        f"{field.label}, to compare with" if which else field.label,
        key=key_of(task, field, which),
        placeholder=field.placeholder,
        help="Several, with commas between them." if field.kind == "labels" else None,
        max_chars=settings().text_characters,
        persist_state="session",
    )
    return str(typed or "")


def _image(task: Task, field: Field) -> Picture | None:
    """The image that was uploaded last, or else the one that an example or a link brought."""
    limit = settings().upload_megabytes
    file = st.file_uploader(field.label, TYPES, max_upload_size=limit, help=field.placeholder)
    uploaded = f"{key_of(task, field)}.uploaded"
    if file is not None and st.session_state.get(uploaded) != file.file_id:
        st.session_state[uploaded] = file.file_id
        if data := file.getvalue():
            st.session_state[key_of(task, field)] = Picture(data)
    picture = st.session_state.get(key_of(task, field))
    return _shown(picture) if isinstance(picture, Picture) else None


def _shown(picture: Picture) -> Picture:
    """The picture, drawn small; one that cannot be read is explained only to be refused, with the reason."""
    try:
        image = read(picture, settings().upload_megabytes)
    except ExplainerError:
        return picture
    image.thumbnail((320, 240))
    st.image(image, width="content", caption="This picture is explained.")
    return picture


def fill(task: Task, inputs: Mapping[str, Given], which: str = "") -> None:
    """Set the fields to these inputs, or to their defaults where there is none."""
    for field in task.fields:
        st.session_state[key_of(task, field, which)] = inputs.get(field.name, field.default)


def first_visit(task: Task, which: str = "") -> None:
    """Fill the fields with the first example where nothing is kept from before; those to compare with, the second."""
    inputs = dict(task.examples[1 if which else 0].inputs)
    for field in task.fields:
        st.session_state.setdefault(key_of(task, field, which), inputs.get(field.name, field.default))
