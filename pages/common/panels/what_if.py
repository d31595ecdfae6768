"""The panel that deletes, masks or replaces a word that is clicked, and explains the changed text."""

from dataclasses import dataclass, replace

import streamlit as st

from explainers import TASKS, Explanation, Request, Target
from explainers.analyses.agreement import find_row
from explainers.models.loading import find_loaded
from explainers.results.counterfactual import Counterfactual
from explainers.serving.service import service
from explainers.tasks.base import is_unspecified
from explainers.visualization.html import render_lead
from explainers.visualization.text.editable import effect, lines
from explainers.visualization.text.spans import find_common_limit, find_strongest_score, render_spans
from pages.common.form.inputs import fill_inputs
from pages.common.form.target import get_card
from pages.common.result import explain_request
from pages.common.ui.html import draw_html
from pages.common.ui.markdown import escape
from pages.common.ui.word_picker import pick_word

Word = tuple[str, int]  # field, number of a word in it


@dataclass(frozen=True)
class Asked:
    """The original explanation, the row of it that is shown, the changes of its text, and the chosen word."""

    origin: Explanation
    row: int
    rewriting: Counterfactual
    word: Word | None = None

    @property
    def request(self) -> Request:
        """Return the request for the changed texts: about the same label, or about the model's answer to them."""
        request, told = self.origin.request, self.origin.targets
        wanted = request.target if request.target.position is None else Target(foil=request.target.foil)
        if TASKS[request.task].choices == "labels" and is_unspecified(wanted) and len(told) == 1:
            wanted = Target(index=told[0].index)
        return self.rewriting.changed(wanted)


def draw(explanation: Explanation, key: str) -> None:
    """Draw the words to click, the buttons, and the effect of the changes."""
    own = f"{key}.whatif"
    asked = st.session_state.get(own)
    if not isinstance(asked, Asked) or (asked.origin.request != explanation.request and not asked.rewriting.before):
        row = int(st.session_state.get(f"{key}.row") or 0)
        asked = Asked(explanation, row, Counterfactual.of(explanation.request))
    st.caption("Click a word, then delete, mask or replace it, and compare the result with the original.")
    if asked.origin.request != explanation.request:
        st.info(
            "These are changes of an earlier text. Press **Start over** to change the text above.",
            icon=":material/keep:",
        )
    place = st.container()
    after = _explain_changed(asked, own)
    with place:
        _draw_words(asked, after, own)
        _draw_tools(asked, own)
    if after is not None and asked.rewriting.before:
        _show_effect(asked, after)
    _draw_endings(asked, own)


def _explain_changed(asked: Asked, own: str) -> Explanation | None:
    """Return the explanation of the changed texts; compute it if a change asked for it."""
    if not asked.rewriting.before:
        return asked.origin
    if st.session_state.get(f"{own}.go") or service().kept(asked.request):
        return explain_request(asked.request, f"{own}.go")
    st.button(
        "Explain the changed text", on_click=lambda: st.session_state.update({f"{own}.go": True}), key=f"{own}.on"
    )
    return None


def _draw_words(asked: Asked, after: Explanation | None, own: str) -> None:
    def choose(field: str, index: int) -> None:
        word = (field, index)
        st.session_state[own] = replace(asked, word=None if word == asked.word else word)

    row = 0 if after is None else _find_row(asked, after)
    limit = (
        0.0 if after is None else max(find_strongest_score(after, row), find_strongest_score(asked.origin, asked.row))
    )
    pick_word(lines(asked.rewriting, after, row, limit), asked.word, f"{own}.words", choose)


def _find_row(asked: Asked, after: Explanation) -> int:
    return find_row(after, asked.origin.targets[asked.row]) or 0


def _draw_tools(asked: Asked, own: str) -> None:
    """Draw the buttons that change the chosen word, and undo."""
    field, index = asked.word or ("", -1)
    word = "" if asked.word is None else dict(asked.rewriting.texts)[field].pieces[index].text
    mask, why = _find_mask(asked.origin.request)

    def become(rewriting: Counterfactual, chosen: Word | None) -> None:
        st.session_state[own] = replace(asked, rewriting=rewriting, word=chosen)
        st.session_state[f"{own}.go"] = True

    def swap() -> None:
        if new := str(st.session_state.get(f"{own}.new") or "").strip():
            become(asked.rewriting.replaced(field, index, new), asked.word)

    none = asked.word is None
    st.markdown(f"Chosen: **{escape(word)}**" if word else "Click a word to choose it.")
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


def _find_mask(request: Request) -> tuple[str, str]:
    """Return the mask token of the request's model, and why there is none."""
    card = get_card(TASKS[request.task], request.model)
    bundle = find_loaded(card) if card else None
    if bundle is None:
        return "", "The model is not in memory any more: explain the text again."
    token = getattr(bundle.tokenizer, "mask_token", None)
    return (str(token), "") if token else ("", "This model has no mask token.")


def _show_effect(asked: Asked, after: Explanation) -> None:
    """Draw the effect of the changes: a sentence, and both explanations on one colour scale."""
    origin, row = asked.origin, _find_row(asked, after)
    said = effect(asked.rewriting.changes, origin.prediction, after.prediction, origin.unit)
    draw_html(render_lead(said, live=True))
    limit = find_common_limit([origin.by_word(), after.by_word()], [asked.row, row])
    for name, shown, at in (("Original", origin, asked.row), ("Changed", after, row)):
        st.markdown(f"#### {name}")
        draw_html(render_spans(shown.by_word(), at, limit))


def _draw_endings(asked: Asked, own: str) -> None:
    """Draw the buttons that start over or put the changed text into the form."""
    task = TASKS[asked.origin.request.task]
    if not asked.rewriting.before:
        return
    with st.container(horizontal=True):
        st.button(
            "Use this text",
            key=f"{own}.use",
            icon=":material/north:",
            help="Put the changed text into the form above.",
            on_click=lambda: fill_inputs(task, dict(asked.request.inputs)),
        )
        st.button(
            "Start over",
            key=f"{own}.release",
            icon=":material/restart_alt:",
            help="Forget these changes and begin with the result above.",
            on_click=lambda: st.session_state.pop(own, None),
        )
