"""The text of a result with its entities as buttons: a click, or Enter, chooses the one to explain."""

from dataclasses import asdict

import streamlit as st

from explainers import Explanation
from explainers.visualization.text.entities import CSS, split_entities

JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector(".wf-entities");
  const focused = box.getRootNode().activeElement?.dataset?.row;
  box.replaceChildren(...data.pieces.map((piece) => makeMark(piece, data.row, setTriggerValue)));
  if (focused !== undefined) box.querySelector(`[data-row="${Number(focused)}"]`)?.focus();
}

function makeMark(piece, row, setTriggerValue) {
  if (piece.label === null) return document.createTextNode(piece.text);
  const mark = document.createElement(piece.row === null ? "span" : "button");
  mark.className = `wf-e wf-k${piece.hue}`;
  const words = document.createElement("bdi");
  words.textContent = piece.text;
  const label = document.createElement("small");
  label.textContent = piece.label;
  mark.append(words, " ", label);
  if (piece.row !== null) {
    mark.type = "button";
    mark.dataset.row = piece.row;
    mark.setAttribute("aria-pressed", String(piece.row === row));
    mark.onclick = () => setTriggerValue("row", piece.row);
  }
  return mark;
}
"""
HTML = '<div class="wf-entities" dir="auto" role="group" aria-label="The text with its entities"></div>'
ENTITIES = st.components.v2.component("wherefore_entities", html=HTML, css=CSS, js=JS)


def pick_entity(explanation: Explanation, row: int, key: str) -> None:
    """Draw the entities if the result has any; a click changes the row that `key` keeps."""
    if not (segments := split_entities(explanation)):
        return
    widget = f"{key}.entities"

    def pick() -> None:
        st.session_state[f"{key}.row"] = int(st.session_state[widget]["row"])

    ENTITIES(data={"pieces": [asdict(piece) for piece in segments], "row": row}, key=widget, on_row_change=pick)
