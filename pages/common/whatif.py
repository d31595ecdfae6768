"""The panel that asks what if: a click chooses a word; it is deleted, masked or replaced, and all explained anew.

Knows Explanations and Requests; nothing runs before a word is changed.
"""

from dataclasses import dataclass, replace

import streamlit as st

from explainers import TASKS, Explanation, Request, Target
from explainers.classification import nothing_asked
from explainers.comparison import row_of
from explainers.models.loading import find_loaded
from explainers.rewriting import Rewriting
from explainers.serving.service import backend
from explainers.views.html import lead
from explainers.views.rewriting import effect, lines
from explainers.views.spans import common, spans, strongest
from pages.common import drawn, inputs, targets
from pages.common.clickable import clickable
from pages.common.results import computed
from pages.common.words import literal

Word = tuple[str, int]  # a field, and the number of a word in it


@dataclass(frozen=True)
class Asked:
    """The original, which stays until it is released, the row of it that is shown, its changes, and the chosen word."""

    origin: Explanation
    row: int
    rewriting: Rewriting
    word: Word | None = None

    @property
    def request(self) -> Request:
        """The question about the changed texts: the same label, or what the model says of them where it answers."""
        request, told = self.origin.request, self.origin.targets
        wanted = request.target if request.target.position is None else Target(foil=request.target.foil)
        if TASKS[request.task].choices == "labels" and nothing_asked(wanted) and len(told) == 1:
            wanted = Target(index=told[0].index)
        return self.rewriting.changed(wanted)


def whatif(explanation: Explanation, key: str) -> None:
    """The words to click, what can be done with them, and what it did."""
    own = f"{key}.whatif"
    asked = st.session_state.get(own)
    if not isinstance(asked, Asked):
        row = int(st.session_state.get(f"{key}.row") or 0)
        asked = Asked(explanation, row, Rewriting.of(explanation.request))
    st.caption("Click a word, then delete, mask or replace it. The original stays for comparison until you release it.")
    if asked.origin.request != explanation.request:
        st.info(
            "The original is still an earlier text. Release it to go on with the one above.", icon=":material/keep:"
        )
    place = st.container()
    after = _after(asked, own)
    with place:
        _words(asked, after, own)
        _tools(asked, own)
    if after is not None and asked.rewriting.before:
        _effect(asked, after)
    _ends(asked, own)


def _after(asked: Asked, own: str) -> Explanation | None:
    """The map of the changed texts, computed if an edit asked for it."""
    if not asked.rewriting.before:
        return asked.origin
    if st.session_state.get(f"{own}.go") or backend().kept(asked.request):
        return computed(asked.request, f"{own}.go")
    st.button(
        "Explain the changed text", on_click=lambda: st.session_state.update({f"{own}.go": True}), key=f"{own}.on"
    )
    return None


def _words(asked: Asked, after: Explanation | None, own: str) -> None:
    def choose(field: str, index: int) -> None:
        word = (field, index)
        st.session_state[own] = replace(asked, word=None if word == asked.word else word)

    row = 0 if after is None else _row(asked, after)
    limit = 0.0 if after is None else max(strongest(after, row), strongest(asked.origin, asked.row))
    clickable(lines(asked.rewriting, after, row, limit), asked.word, f"{own}.words", choose)


def _row(asked: Asked, after: Explanation) -> int:
    return row_of(after, asked.origin.targets[asked.row]) or 0


def _tools(asked: Asked, own: str) -> None:
    """What can be done with the chosen word, and undone."""
    field, index = asked.word or ("", -1)
    word = "" if asked.word is None else dict(asked.rewriting.texts)[field].pieces[index].text
    mask, why = _mask(asked.origin.request)

    def become(rewriting: Rewriting, chosen: Word | None) -> None:
        st.session_state[own] = replace(asked, rewriting=rewriting, word=chosen)
        st.session_state[f"{own}.go"] = True

    def swap() -> None:
        if new := str(st.session_state.get(f"{own}.new") or "").strip():
            become(asked.rewriting.replaced(field, index, new), asked.word)

    none = asked.word is None
    st.markdown(f"Chosen: **{literal(word)}**" if word else "No word is chosen yet.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            "Delete",
            key=f"{own}.delete",
            icon=":material/backspace:",
            disabled=none,
            on_click=lambda: become(asked.rewriting.deleted(field, index), None),
        )
        st.button(
            "Mask",
            key=f"{own}.mask",
            icon=":material/visibility_off:",
            disabled=none or not mask,
            help=why or None,
            on_click=lambda: become(asked.rewriting.replaced(field, index, mask), asked.word),
        )
        st.button(
            "Undo",
            key=f"{own}.undo",
            icon=":material/undo:",
            disabled=asked.rewriting.before is None,
            on_click=lambda: become(asked.rewriting.before or asked.rewriting, None),
        )
        with st.form(f"{own}.form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input("Replace with", key=f"{own}.new", disabled=none, width=200)
            st.form_submit_button("Replace", icon=":material/find_replace:", disabled=none, on_click=swap)


def _mask(request: Request) -> tuple[str, str]:
    """The mask of the request's model, or why there is none."""
    card = targets.card(TASKS[request.task], request.model)
    bundle = find_loaded(card) if card else None
    if bundle is None:
        return "", "The model is not in memory just now: explain the text again."
    token = getattr(bundle.tokenizer, "mask_token", None)
    return (str(token), "") if token else ("", "This model has no mask: it never learnt to read a text with a gap.")


def _effect(asked: Asked, after: Explanation) -> None:
    """What the changes did, in a sentence and in two maps on one scale."""
    origin, row = asked.origin, _row(asked, after)
    said = effect(asked.rewriting.changes, origin.prediction, after.prediction, origin.unit)
    drawn.markup(lead(said, live=True))
    limit = common([origin.by_word(), after.by_word()], [asked.row, row])
    for name, shown, at in (("Original", origin, asked.row), ("Changed", after, row)):
        st.markdown(f"#### {name}")
        drawn.markup(spans(shown.by_word(), at, limit))


def _ends(asked: Asked, own: str) -> None:
    """Let the original go, or take the changed text into the form."""
    task = TASKS[asked.origin.request.task]
    if not asked.rewriting.before:
        return
    with st.container(horizontal=True):
        st.button(
            "Use this text",
            key=f"{own}.use",
            icon=":material/north:",
            help="Puts the changed text into the form above.",
            on_click=lambda: inputs.fill(task, dict(asked.request.inputs)),
        )
        st.button(
            "Release the original",
            key=f"{own}.release",
            icon=":material/keep_off:",
            on_click=lambda: st.session_state.pop(own, None),
        )
