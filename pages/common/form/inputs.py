"""The input fields of a task: texts, lines, lists of labels, images."""

from collections.abc import Mapping

import streamlit as st

from explainers import ExplainerError
from explainers.inputs.images import decode
from explainers.request import Picture
from explainers.settings import settings
from explainers.tasks.base import Field, Task

TYPES = ["png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff"]
Input = str | Picture
SECOND = ".2"  # suffix of the key of a field that is drawn again, for a second text to compare with


def get_key(task: Task, field: Field, which: str = "") -> str:
    """Return the key of a field in the session state."""
    return f"{task.key}.{field.name}{which}"


def draw_inputs(task: Task, which: str = "") -> dict[str, Input]:
    """Draw the task's fields, and return their inputs by name, without empty optional ones."""
    inputs = {field.name: _draw_field(task, field, which) for field in task.fields if not field.aside}
    if aside := [field for field in task.fields if field.aside]:
        filled = any(st.session_state.get(get_key(task, field, which)) for field in aside)
        with st.expander("Optional inputs", expanded=filled):
            inputs |= {field.name: _draw_field(task, field, which) for field in aside}
    optional = {field.name for field in task.fields if field.optional}
    return {name: value for name, value in inputs.items() if value is not None and (value or name not in optional)}


def _draw_field(task: Task, field: Field, which: str) -> Input | None:
    return _draw_upload(task, field) if field.kind == "image" else _draw_text(task, field, which)


def _draw_text(task: Task, field: Field, which: str) -> str:
    draw = st.text_area if field.kind == "text" else st.text_input
    typed = draw(
        f"{field.label}, to compare with" if which else field.label,
        key=get_key(task, field, which),
        placeholder=field.placeholder,
        help=_get_help(field),
        max_chars=settings().text_characters,
        persist_state="session",
    )
    return str(typed or "")


def _get_help(field: Field) -> str | None:
    """Return the help of a field whose filled text hides its placeholder."""
    if field.kind == "labels":
        return "Separate several labels with commas."
    return "The label takes the place of {}." if "{}" in field.default else None


def _draw_upload(task: Task, field: Field) -> Picture | None:
    """Draw the upload, and return its image, or else the one from an example or a link."""
    limit = settings().upload_megabytes
    file = st.file_uploader(field.label, TYPES, max_upload_size=limit, help=field.placeholder)
    uploaded = f"{get_key(task, field)}.uploaded"
    if file is not None and st.session_state.get(uploaded) != file.file_id:
        st.session_state[uploaded] = file.file_id
        if data := file.getvalue():
            st.session_state[get_key(task, field)] = Picture(data)
    picture = st.session_state.get(get_key(task, field))
    return _draw_preview(picture) if isinstance(picture, Picture) else None


def _draw_preview(picture: Picture) -> Picture:
    """Draw a preview. An image that cannot be decoded has none: explaining it shows the error."""
    try:
        image = decode(picture, settings().upload_megabytes)
    except ExplainerError:
        return picture
    image.thumbnail((320, 240))
    st.image(image, width="content", caption="The image to explain.")
    return picture


def fill_inputs(task: Task, inputs: Mapping[str, Input], which: str = "") -> None:
    """Set the fields to these inputs, and the others to their defaults."""
    for field in task.fields:
        st.session_state[get_key(task, field, which)] = inputs.get(field.name, field.default)


def fill_with_example(task: Task, which: str = "") -> None:
    """Fill empty fields with the first example, or with the second for the text to compare with."""
    inputs = dict(task.examples[1 if which else 0].inputs)
    for field in task.fields:
        st.session_state.setdefault(get_key(task, field, which), inputs.get(field.name, field.default))
