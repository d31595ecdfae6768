"""A link sets all widgets of a page that was used before."""

from streamlit.testing.v1 import AppTest


def fill_page() -> None:
    import streamlit as st

    from explainers import TASKS, Request
    from pages.common.form.settings import fill_settings
    from pages.common.form.target import fill_target

    task = TASKS["translation"]
    for name, value in (("source", "old"), ("target", "left"), ("most_new_tokens", 3), ("foil", "left")):
        st.session_state[f"{task.key}.{name}"] = value
    for inputs, shown in (({}, "settings"), ({"source": "new"}, "all")):
        request = Request(task.key, "tr-en", inputs, "saliency", params={"temperature": 0.5})
        fill_settings(task, request)
        fill_target(task, request)
        names = ("source", "target", "most_new_tokens", "temperature", "method", "foil")
        st.session_state[shown] = {name: st.session_state[f"{task.key}.{name}"] for name in names}


def test_a_link_sets_every_setting_and_every_field_if_it_has_inputs():
    app = AppTest.from_function(fill_page).run(timeout=60)
    assert not app.exception
    settings = {"most_new_tokens": 20, "temperature": 0.5, "method": "saliency", "foil": ""}
    assert app.session_state["settings"] == {"source": "old", "target": "left"} | settings
    assert app.session_state["all"] == {"source": "new", "target": ""} | settings
