"""Texts whose words are buttons, for mouse and keyboard: a click, or Enter, chooses one."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

import streamlit as st

from explainers.visualization.text.editable import CSS, Line

JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector(".wf-lines");
  const active = box.getRootNode().activeElement?.dataset;
  const focused = active && active.index !== undefined ? `${active.line}.${active.index}` : null;
  box.replaceChildren(...data.lines.flatMap((line, at) => makeBlock(line, at, data, setTriggerValue)));
  const words = [...box.querySelectorAll("button")];
  const chosen = words.find((word) => word.getAttribute("aria-pressed") === "true");
  const previous = words.find((word) => `${word.dataset.line}.${word.dataset.index}` === focused);
  (chosen ?? previous ?? words[0])?.setAttribute("tabindex", "0");
  previous?.focus();
  box.onkeydown = (event) => {
    const place = words.indexOf(box.getRootNode().activeElement);
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -words.length, End: words.length };
    if (place < 0 || !(event.key in steps)) return;
    event.preventDefault();
    const next = words[Math.max(0, Math.min(words.length - 1, place + steps[event.key]))];
    words[place].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  };
}

function makeBlock(line, at, data, setTriggerValue) {
  const block = document.createElement("div");
  block.className = "wf-words";
  block.dir = "auto";
  block.setAttribute("role", "group");
  block.setAttribute("aria-label", `${line.label}, choose a word`);
  block.append(...line.pieces.map((piece) => makeWord(piece, at, data, setTriggerValue)));
  if (data.lines.length === 1) return [block];
  const name = document.createElement("div");
  name.className = "wf-field";
  name.textContent = line.label;
  return [name, block];
}

function makeWord(piece, at, data, setTriggerValue) {
  if (piece.index === null) return document.createTextNode(piece.text);
  const button = document.createElement("button");
  button.type = "button";
  button.tabIndex = -1;
  button.className = `wf-w ${piece.kind}`;
  button.style.setProperty("--s", Number(piece.strength));
  button.textContent = piece.text;
  button.dataset.line = at;
  button.dataset.index = piece.index;
  const line = data.lines[at].field;
  button.setAttribute("aria-pressed", String(line === data.field && piece.index === data.index));
  button.onclick = () => setTriggerValue("word", { field: line, index: piece.index });
  return button;
}
"""
HTML = '<div class="wf-lines"></div>'
WORDS = st.components.v2.component("wherefore_words", html=HTML, css=CSS, js=JS)


def pick_word(
    lines: Sequence[Line], chosen: tuple[str, int] | None, key: str, choose: Callable[[str, int], None]
) -> None:
    """Draw the texts with the chosen word marked; a click calls `choose` with its field and index."""

    def clicked() -> None:
        word = st.session_state[key]["word"]
        if word:
            choose(str(word["field"]), int(word["index"]))

    field, index = chosen or (None, None)
    WORDS(
        data={"lines": [asdict(line) for line in lines], "field": field, "index": index},
        key=key,
        on_word_change=clicked,
    )
