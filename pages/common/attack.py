"""The panel that attacks a result: which words would have to change for another answer, and which ones are needed.

Knows Attacks; how one is made is `explainers.attacks`' to say.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from explainers import ATTACKS, TASKS, Attack, Explanation, Request, Target, attack
from explainers.hearing import Attackable
from explainers.progress import Progress
from explainers.registry import AttackMethod
from explainers.request import Pairs
from explainers.views.attack import said, shortest, steps
from explainers.views.diff import diff
from explainers.views.gaps import gaps
from explainers.views.html import lead
from explainers.views.path import alt, path
from explainers.views.text import distinct, field_name, named, short

from . import controls, drawn, inputs, targets
from .work import answered

ANYTHING = "anything else"
ESTIMATE = (
    "What a change was chosen by before the model was asked: for words changed, the log-odds that the gradient "
    "promises; for words dropped, the length of the gradient, the shortest going first."
)
LABELS = {"hotflip": "Change words", "input_reduction": "Drop words", "random_swap": "Change words at random"}


@dataclass(frozen=True)
class Asked:
    """An attack that somebody asked for: the question that its answer is kept under."""

    key: str
    request: Request
    target: str | None
    field: str
    protected: str
    params: Pairs


def attackable(explanation: Explanation) -> bool:
    """Whether there is a text whose words could be changed, and an answer that could."""
    task = TASKS.get(explanation.request.task)
    return isinstance(task, Attackable) and not explanation.unit.startswith("score")


def attack_it(explanation: Explanation, key: str) -> None:
    """The attack's settings and its button; and what the last one came to."""
    task = TASKS[explanation.request.task]
    assert isinstance(task, Attackable)
    st.markdown("How little would have to change for another answer, and which words are enough for this one?")
    own, draft = f"{key}.attacking", _draft(task, explanation, f"{key}.attack")
    if st.button("Attack", key=f"{key}.attack.go", icon=":material/bolt:"):
        st.session_state[own] = draft
    asked = st.session_state.get(own)
    if not isinstance(asked, Asked) or asked.request != draft.request:
        return
    if asked != draft:
        st.caption("Settings changed since this attack. Press **Attack** to use them.")
    about = f"attack {asked.key}, task {asked.request.task}, model {asked.request.model}"
    found = answered(asked, _made(asked), own, about)
    if found is not None:
        _shown(task, explanation, found, key)


def _made(asked: Asked) -> Callable[[Progress], Attack]:
    return lambda progress: attack(
        asked.key,
        asked.request,
        target=asked.target,
        field=asked.field,
        protected=asked.protected,
        params=asked.params,
        progress=progress,
    )


def _draft(task: Attackable, explanation: Explanation, key: str) -> Asked:
    """The attack that the widgets say."""
    chosen = st.segmented_control(
        "Attack", list(ATTACKS), format_func=_name, default="hotflip", required=True, key=f"{key}.key"
    )
    method = ATTACKS[chosen or "hotflip"]
    st.caption(f"{method.label}: {method.summary}")
    request = _subject(task, explanation, key)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        target = None if method.keeps else _target(task, explanation, request.target, key)
        field = _field(task, key)
        protected = st.text_input(
            "Words that must stay", key=f"{key}.protected", help="Several, with commas between them."
        )
    return Asked(method.key, request, target, field, str(protected or ""), _params(method, key))


def _name(key: str) -> str:
    return LABELS.get(key, ATTACKS[key].label)


def _subject(task: Attackable, explanation: Explanation, key: str) -> Request:
    """The request with what is attacked of it: what the model says, or one of the things that were explained."""
    own = {param.name for param in task.params}
    options = {name: text for name, text in explanation.request.options.items() if name in own}
    request = replace(explanation.request, method=Request.method, params=options, target=Target())
    if task.subject == "said":
        return request
    names = distinct(short(named(target), 60) for target in explanation.targets)
    row = 0
    if len(names) > 1:
        row = st.selectbox("What is attacked", range(len(names)), format_func=names.__getitem__, key=f"{key}.row")
    target = explanation.targets[row]
    return replace(request, target=Target(target.label, position=target.position))


def _target(task: Attackable, explanation: Explanation, attacked: Target, key: str) -> str | None:
    """What the model is to say."""
    told = next((g for g in gaps(explanation.prediction) if g[0].position == attacked.position), None)
    words = told or explanation.prediction.targets[:50]
    others = [str(word.label) for word in words if word.label != words[0].label]
    free = task.choices == "said"
    chosen = st.selectbox(
        "Make it say", [ANYTHING, *dict.fromkeys(others)], key=f"{key}.target", accept_new_options=free
    )
    return None if chosen in (None, ANYTHING) else str(chosen)


def _field(task: Attackable, key: str) -> str:
    if len(task.editable) == 1:
        return task.editable[0]
    return str(st.selectbox("Change words of", task.editable, format_func=field_name, key=f"{key}.field"))


def _params(method: AttackMethod, key: str) -> Pairs:
    """The attack's own settings, the first in sight, the others folded away."""
    first, rest = method.params[:1], method.params[1:]
    values = {
        param.name: controls.widget(param, controls.kept(f"{key}.{param.name}", param.default)) for param in first
    }
    if rest:
        with st.expander("More settings of this attack"):
            values |= {k.name: controls.widget(k, controls.kept(f"{key}.{k.name}", k.default)) for k in rest}
    request = Request("", "", {}, params=values)
    return tuple(request.options.items())


def _shown(task: Attackable, explanation: Explanation, found: Attack, key: str) -> None:
    drawn.markup(lead(said(found), live=True))
    if found.edits:
        drawn.markup(diff(found.texts[0], found.edits, field_name(found.field)))
        st.button(
            "Explain the changed text",
            key=f"{key}.attack.explain",
            icon=":material/play_arrow:",
            on_click=_explain,
            args=(task, explanation.request, found),
        )
    if len(found.minimal) > 1:
        _others(found)
    if len(found.trajectory) > 1:
        drawn.chart(path(found), alt(found), f"{key}.attack.path")
        _table(found)
    forward, backward = found.evaluations
    st.caption(
        f"Passes through the model: {forward} forward, {backward} backward, in {found.seconds:.1f} s. "
        "Every step is the model's own answer to the text as it stands there."
    )


def _table(found: Attack) -> None:
    with st.expander("Every step"):
        drawn.table(
            steps(found),
            "The steps of the attack, each with its change, what the model says then, and how sure it is",
            probability=st.column_config.NumberColumn(format="percent"),
            estimate=st.column_config.NumberColumn(format="%.2f", help=ESTIMATE),
        )


def _others(found: Attack) -> None:
    """All the shortest texts, each with how sure the model is."""
    st.markdown(f"**{len(found.minimal)} short texts** of which the model says the same")
    drawn.table(
        shortest(found),
        "The shortest texts of which the model says the same",
        probability=st.column_config.NumberColumn(format="percent"),
    )


def _explain(task: Attackable, request: Request, found: Attack) -> None:
    """Put the changed text into the page, and ask about what the model says of it."""
    changed = replace(request, inputs=found.changed.inputs, target=Target())
    for field in task.fields:
        if field.name in changed.texts:
            st.session_state[inputs.key_of(task, field)] = changed.texts[field.name]
    targets.clear(task)
    st.session_state[f"{task.key}.asked"] = changed
