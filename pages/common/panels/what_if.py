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
from explainers.visualization.text.editable import describe_effect, list_lines
from explainers.visualization.text.spans import find_common_limit, find_strongest_score, render_spans
from pages.common.form.inputs import fill_inputs
from pages.common.form.target import get_card
from pages.common.result import explain_request
from pages.common.ui.html import draw_html
from pages.common.ui.markdown import escape
from pages.common.ui.word_picker import pick_word

Word = tuple[str, int]  # field, number of a word in it


@dataclass(frozen=True)
class Edits:
    """The original explanation, its row that is shown, the changes of its text, and the chosen word."""

    origin: Explanation
    row: int
    counterfactual: Counterfactual
    word: Word | None = None

    @property
    def request(self) -> Request:
        """Return the request for the changed texts: for the same label, or for the model's new prediction."""
        request, targets = self.origin.request, self.origin.targets
        target = request.target if request.target.position is None else Target(foil=request.target.foil)
        if TASKS[request.task].choices == "labels" and is_unspecified(target) and len(targets) == 1:
            target = Target(index=targets[0].index)
        return self.counterfactual.make_request(target)


def draw(explanation: Explanation, key: str) -> None:
    """Draw the words to click, the buttons, and the effect of the changes."""
    prefix = f"{key}.whatif"
    edits = st.session_state.get(prefix)
    if not isinstance(edits, Edits) or (
        edits.origin.request != explanation.request and not edits.counterfactual.before
    ):
        row = int(st.session_state.get(f"{key}.row") or 0)
        edits = Edits(explanation, row, Counterfactual.of(explanation.request))
    st.caption("Click a word, then delete, mask or replace it, and compare the result with the original.")
    if edits.origin.request != explanation.request:
        st.info(
            "These are changes of an earlier text. Press **Start over** to change the text above.",
            icon=":material/keep:",
        )
    place = st.container()
    after = _explain_changed(edits, prefix)
    with place:
        _draw_words(edits, after, prefix)
        _draw_tools(edits, prefix)
    if after is not None and edits.counterfactual.before:
        _show_effect(edits, after)
    _draw_last_buttons(edits, prefix)


def _explain_changed(edits: Edits, prefix: str) -> Explanation | None:
    """Return the explanation of the changed texts; compute it if a button requested it."""
    if not edits.counterfactual.before:
        return edits.origin
    if st.session_state.get(f"{prefix}.go") or service().find_explanation(edits.request):
        return explain_request(edits.request, f"{prefix}.go")
    st.button(
        "Explain the changed text", on_click=lambda: st.session_state.update({f"{prefix}.go": True}), key=f"{prefix}.on"
    )
    return None


def _draw_words(edits: Edits, after: Explanation | None, prefix: str) -> None:
    def choose(field: str, index: int) -> None:
        word = (field, index)
        st.session_state[prefix] = replace(edits, word=None if word == edits.word else word)

    row = 0 if after is None else _find_row(edits, after)
    limit = (
        0.0 if after is None else max(find_strongest_score(after, row), find_strongest_score(edits.origin, edits.row))
    )
    pick_word(list_lines(edits.counterfactual, after, row, limit), edits.word, f"{prefix}.words", choose)


def _find_row(edits: Edits, after: Explanation) -> int:
    return find_row(after, edits.origin.targets[edits.row]) or 0


def _draw_tools(edits: Edits, prefix: str) -> None:
    """Draw the buttons that change the chosen word, and undo."""
    field, index = edits.word or ("", -1)
    word = "" if edits.word is None else dict(edits.counterfactual.texts)[field].words[index].text
    mask, reason = _find_mask(edits.origin.request)

    def apply(counterfactual: Counterfactual, chosen: Word | None) -> None:
        st.session_state[prefix] = replace(edits, counterfactual=counterfactual, word=chosen)
        st.session_state[f"{prefix}.go"] = True

    def swap() -> None:
        if new := str(st.session_state.get(f"{prefix}.new") or "").strip():
            apply(edits.counterfactual.replace_word(field, index, new), edits.word)

    unchosen = edits.word is None
    st.markdown(f"Chosen: **{escape(word)}**" if word else "Click a word to choose it.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            "Delete",
            key=f"{prefix}.delete",
            icon=":material/backspace:",
            disabled=unchosen,
            on_click=lambda: apply(edits.counterfactual.delete_word(field, index), None),
        )
        st.button(
            "Mask",
            key=f"{prefix}.mask",
            icon=":material/visibility_off:",
            disabled=unchosen or not mask,
            help=reason or None,
            on_click=lambda: apply(edits.counterfactual.replace_word(field, index, mask), edits.word),
        )
        st.button(
            "Undo",
            key=f"{prefix}.undo",
            icon=":material/undo:",
            disabled=edits.counterfactual.before is None,
            on_click=lambda: apply(edits.counterfactual.before or edits.counterfactual, None),
        )
        with st.form(f"{prefix}.form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input("Replace with", key=f"{prefix}.new", disabled=unchosen, width=200)
            st.form_submit_button("Replace", icon=":material/find_replace:", disabled=unchosen, on_click=swap)


def _find_mask(request: Request) -> tuple[str, str]:
    """Return the mask token of the request's model, or an empty one and the reason."""
    card = get_card(TASKS[request.task], request.model)
    bundle = find_loaded(card) if card else None
    if bundle is None:
        return "", "The model is not in memory any more: explain the text again."
    token = getattr(bundle.tokenizer, "mask_token", None)
    return (str(token), "") if token else ("", "This model has no mask token.")


def _show_effect(edits: Edits, after: Explanation) -> None:
    """Draw the effect of the changes: a sentence, and both explanations on one colour scale."""
    origin, row = edits.origin, _find_row(edits, after)
    sentence = describe_effect(edits.counterfactual.changes, origin.prediction, after.prediction, origin.unit)
    draw_html(render_lead(sentence, live=True))
    limit = find_common_limit([origin.by_word(), after.by_word()], [edits.row, row])
    for name, shown, at in (("Original", origin, edits.row), ("Changed", after, row)):
        st.markdown(f"#### {name}")
        draw_html(render_spans(shown.by_word(), at, limit))


def _draw_last_buttons(edits: Edits, prefix: str) -> None:
    """Draw the buttons that start over or put the changed text into the form."""
    task = TASKS[edits.origin.request.task]
    if not edits.counterfactual.before:
        return
    with st.container(horizontal=True):
        st.button(
            "Use this text",
            key=f"{prefix}.use",
            icon=":material/north:",
            help="Put the changed text into the form above.",
            on_click=lambda: fill_inputs(task, dict(edits.request.inputs)),
        )
        st.button(
            "Start over",
            key=f"{prefix}.release",
            icon=":material/restart_alt:",
            help="Discard these changes and begin with the result above.",
            on_click=lambda: st.session_state.pop(prefix, None),
        )
