"""The panel that attacks a result: which words change the model's answer, and which ones it needs."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from explainers import ATTACKS, TASKS, Attack, Explanation, Request, Target, attack
from explainers.progress import Progress
from explainers.registry import AttackMethod
from explainers.request import Pairs
from explainers.tasks.answer_check import Attackable
from explainers.visualization.charts.attack_path import describe_path, draw_path
from explainers.visualization.html import render_lead
from explainers.visualization.summaries.attack import describe_attack, list_shortest, list_steps
from explainers.visualization.summaries.mask_predictions import list_masks
from explainers.visualization.text.diff import render_diff
from explainers.visualization.text.escape import name_field, name_target, number_duplicates, shorten
from pages.common.form.inputs import get_key
from pages.common.form.settings import draw_setting, keep_default
from pages.common.form.target import reset_target
from pages.common.ui.html import draw_chart, draw_html, draw_table
from pages.common.ui.progress import answer_with_progress

ANYTHING = "anything else"
ESTIMATE = (
    "First-order estimate used to rank candidates: change in log-odds (HotFlip) or gradient norm (input reduction)."
)
LABELS = {"hotflip": "Change words", "input_reduction": "Drop words", "random_swap": "Change words at random"}


@dataclass(frozen=True)
class Asked:
    """An attack that was asked for; its result is cached under it."""

    key: str
    request: Request
    target: str | None
    field: str
    protected: str
    params: Pairs


def fits(explanation: Explanation) -> bool:
    """Return True for a text to change and an answer that is not a bare score."""
    task = TASKS.get(explanation.request.task)
    return isinstance(task, Attackable) and not explanation.unit.startswith("score")


def draw(explanation: Explanation, key: str) -> None:
    """Draw the attack's settings and button, and the result of the last one."""
    task = TASKS[explanation.request.task]
    assert isinstance(task, Attackable)
    st.markdown("Which small change makes the model give another answer, and which words are enough for this one?")
    own, draft = f"{key}.attacking", _draw_form(task, explanation, f"{key}.attack")
    if st.button("Attack", key=f"{key}.attack.go", icon=":material/bolt:"):
        st.session_state[own] = draft
    asked = st.session_state.get(own)
    if not isinstance(asked, Asked) or asked.request != draft.request:
        return
    if asked != draft:
        st.caption("The settings have changed since this attack. Press **Attack** to use them.")
    about = f"attack {asked.key}, task {asked.request.task}, model {asked.request.model}"
    found = answer_with_progress(asked, _prepare(asked), own, about)
    if found is not None:
        _show(task, explanation, found, key)


def _prepare(asked: Asked) -> Callable[[Progress], Attack]:
    return lambda progress: attack(
        asked.key,
        asked.request,
        target=asked.target,
        field=asked.field,
        protected=asked.protected,
        params=asked.params,
        progress=progress,
    )


def _draw_form(task: Attackable, explanation: Explanation, key: str) -> Asked:
    """Draw the form, and return the attack that it describes."""
    chosen = st.segmented_control(
        "Attack", list(ATTACKS), format_func=_name_attack, default="hotflip", required=True, key=f"{key}.key"
    )
    tactic = ATTACKS[chosen or "hotflip"]
    st.caption(f"{tactic.label}: {tactic.summary}")
    request = _pick_subject(task, explanation, key)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        target = None if tactic.keeps else _pick_target(task, explanation, request.target, key)
        field = _pick_field(task, key)
        protected = st.text_input(
            "Words that must stay", key=f"{key}.protected", help="Separate several words with commas."
        )
    return Asked(tactic.key, request, target, field, str(protected or ""), _pick_settings(tactic, key))


def _name_attack(key: str) -> str:
    return LABELS.get(key, ATTACKS[key].label)


def _pick_subject(task: Attackable, explanation: Explanation, key: str) -> Request:
    """Return the request to attack: about the model's answer, or about one of the targets that were explained."""
    own = {knob.name for knob in task.params}
    options = {name: text for name, text in explanation.request.options.items() if name in own}
    request = replace(explanation.request, method=Request.method, params=options, target=Target())
    if task.subject == "prediction":
        return request
    names = number_duplicates(shorten(name_target(target), 60) for target in explanation.targets)
    row = 0
    if len(names) > 1:
        row = st.selectbox("Answer to attack", range(len(names)), format_func=names.__getitem__, key=f"{key}.row")
    target = explanation.targets[row]
    return replace(request, target=Target(target.label, position=target.position))


def _pick_target(task: Attackable, explanation: Explanation, attacked: Target, key: str) -> str | None:
    """Return the answer that the attack aims for."""
    told = next((g for g in list_masks(explanation.prediction) if g[0].position == attacked.position), None)
    words = told or explanation.prediction.targets[:50]
    others = [str(word.label) for word in words if word.label != words[0].label]
    free = task.choices == "predictions"
    chosen = st.selectbox(
        "Make it say", [ANYTHING, *dict.fromkeys(others)], key=f"{key}.target", accept_new_options=free
    )
    return None if chosen in (None, ANYTHING) else str(chosen)


def _pick_field(task: Attackable, key: str) -> str:
    if len(task.editable) == 1:
        return task.editable[0]
    return str(st.selectbox("Change words in", task.editable, format_func=name_field, key=f"{key}.field"))


def _pick_settings(tactic: AttackMethod, key: str) -> Pairs:
    """Draw the attack's own settings: the first visible, the others folded away."""
    first, rest = tactic.params[:1], tactic.params[1:]
    values = {knob.name: draw_setting(knob, keep_default(f"{key}.{knob.name}", knob.default)) for knob in first}
    if rest:
        with st.expander("More settings of this attack"):
            values |= {k.name: draw_setting(k, keep_default(f"{key}.{k.name}", k.default)) for k in rest}
    request = Request("", "", {}, params=values)
    return tuple(request.options.items())


def _show(task: Attackable, explanation: Explanation, found: Attack, key: str) -> None:
    draw_html(render_lead(describe_attack(found), live=True))
    if found.edits:
        draw_html(render_diff(found.texts[0], found.edits, name_field(found.field)))
        st.button(
            "Explain the changed text",
            key=f"{key}.attack.explain",
            icon=":material/play_arrow:",
            on_click=_explain,
            args=(task, explanation.request, found),
        )
    if len(found.minimal) > 1:
        _show_shortest(found)
    if len(found.trajectory) > 1:
        draw_chart(draw_path(found), describe_path(found), f"{key}.attack.path")
        _show_steps(found)
    forward, backward = found.evaluations
    st.caption(
        f"Passes through the model: {forward} forward, {backward} backward, in {found.seconds:.1f} s. "
        "Every step shows the model's own answer to the text at that point."
    )


def _show_steps(found: Attack) -> None:
    with st.expander("Every step"):
        draw_table(
            list_steps(found),
            "The steps of the attack, each with its change, the model's answer and its probability",
            probability=st.column_config.NumberColumn(format="percent"),
            estimate=st.column_config.NumberColumn(format="%.2f", help=ESTIMATE),
        )


def _show_shortest(found: Attack) -> None:
    """Draw all the shortest texts, each with the probability of the answer."""
    st.markdown(f"**{len(found.minimal)} shortest texts** with the same answer")
    draw_table(
        list_shortest(found),
        "The shortest texts with the same answer",
        probability=st.column_config.NumberColumn(format="percent"),
    )


def _explain(task: Attackable, request: Request, found: Attack) -> None:
    """Put the changed text into the form, and explain the model's answer to it."""
    changed = replace(request, inputs=found.changed.inputs, target=Target())
    for field in task.fields:
        if field.name in changed.texts:
            st.session_state[get_key(task, field)] = changed.texts[field.name]
    reset_target(task)
    st.session_state[f"{task.key}.asked"] = changed
