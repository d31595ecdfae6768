"""Check and run one attack: gradients come from the task's own Problem, answers from plain forward passes.

The caller holds the model's lock.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import BadRequest
from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..registry import AttackMethod, check_params, list_params, parse_params
from ..request import Pairs, Request, Target, format_setting
from ..results.attack import Attack, Step, with_text
from ..results.edited_text import AttackedText
from ..tasks._answer_check import AnswerCheck, Attackable, Judgement, judge_all
from ..tasks._tokenization import ScoreParams
from .target_model import AttackState, TargetModel, WordGradients, find_protected

READING = {param.name for param in list_params(ScoreParams)}


@dataclass(frozen=True)
class AttackRun:
    """An attack to run. Its settings and field are checked here; an empty field is the task's first."""

    method: AttackMethod
    task: Attackable
    request: Request
    wanted: Target | None
    field: str
    protected: str
    params: Mapping[str, object] | Pairs

    def __post_init__(self) -> None:
        task, fields = self.task, self.task.editable
        if self.field and self.field not in fields:
            raise BadRequest(f"{task.label} has no text {self.field[:60]!r} to change. Its texts: {', '.join(fields)}.")
        if self.wanted and self.method.keeps:
            raise BadRequest(f"{self.method.label} keeps what the model says, so that no target can be chosen.")
        named = {str(name): format_setting(value) for name, value in dict(self.params).items()}
        check_params(self.method.label, self.method.params, named)
        asked = self.request.target
        target = {"said": Target(), "there": Target(position=asked.position), "asked": replace(asked, foil=None)}
        object.__setattr__(self, "field", self.field or fields[0])
        object.__setattr__(self, "params", tuple(sorted(named.items())))
        object.__setattr__(self, "request", replace(self.request, target=target[task.subject]))

    @property
    def options(self) -> dict[str, str]:
        """The settings by name, as text."""
        return {name: str(text) for name, text in dict(self.params).items()}


def run_attack(plan: AttackRun, bundle: Bundle, run: Run) -> Attack:
    """Run the planned attack on a model. Raises BadRequest if there is nothing to attack."""
    started = time.monotonic()
    (said,) = judge_all(bundle, [plan.task.hearing(bundle, plan.request, run)], run)
    if not said.met:
        raise BadRequest(
            f"The model does not say {said.target.label!r} here, but {said.says!r}. An attack begins with what it says."
        )
    game = _opponent(plan, bundle, run, said)
    if not plan.method.keeps and game.won(game.start):
        raise BadRequest(f"The model says {said.says!r} already. Choose something else for it to say.")
    outcome = plan.method.run(game, **parse_params(plan.method.params, plan.options))
    last = with_text(plan.request, plan.field, outcome.path[-1].wording.text)
    return Attack(
        request=plan.request,
        key=plan.method.key,
        field=plan.field,
        attacked=said.target,
        wanted=plan.wanted,
        before=plan.task.predict(bundle, plan.request),
        after=plan.task.predict(bundle, last),
        success=outcome.success,
        reason=outcome.reason,
        trajectory=_steps(outcome.path),
        minimal=tuple(_step(state, 0) for state in outcome.minimal),
        protected=plan.protected,
        params=tuple(plan.options.items()),
        evaluations=(run.forward, run.backward),
        seconds=time.monotonic() - started,
    )


def _steps(path: Sequence[AttackState]) -> tuple[Step, ...]:
    known = [0, *(len(state.wording.edits) for state in path)]
    return tuple(_step(state, before) for state, before in zip(path, known, strict=False))


def _step(state: AttackState, known: int) -> Step:
    """A state as a step, its edits those after the first `known`."""
    return Step(state.wording.text, state.wording.edits[known:], state.verdict.says, state.verdict.probability)


def _opponent(plan: AttackRun, bundle: Bundle, run: Run, said: Judgement) -> TargetModel:
    """The model with the text that is to be changed; `said` is what it says at first."""
    task, request, field = plan.task, plan.request, plan.field
    begun = task.encode(bundle, _steep(task, request, said.target), run)
    if begun.internals.table is None:
        raise BadRequest(f"{bundle.card.label} has no table of words to choose from.")
    text = (dict(begun.layout.texts) or request.texts)[field]
    place = None if said.target.position is None else begun.features[said.target.position].start
    start = AttackedText.of(text, [f for f in begun.features if f.field == field and not f.special])
    goal = replace(plan.wanted or said.target, position=said.target.position, text=said.target.text)

    def hearing(wording: AttackedText) -> AnswerCheck:
        at = None if place is None else wording.locate(place)
        return task.hearing(bundle, replace(with_text(request, field, wording.text), target=goal), run, at)

    def tried(wordings: Sequence[AttackedText]) -> list[AttackState]:
        found = judge_all(bundle, [hearing(wording) for wording in wordings], run)
        return [AttackState(wording, verdict) for wording, verdict in zip(wordings, found, strict=True)]

    def encoded(wording: AttackedText) -> Problem:
        token = None if place is None else _token(hearing(wording), wording.locate(place))
        run.spend(1)  # the plain pass that every encoding begins with
        target = replace(goal, position=token)
        return task.encode(bundle, _steep(task, with_text(request, field, wording.text), target), run)

    return TargetModel(
        start=tried([start])[0],
        towards=plan.wanted is not None or plan.method.keeps,
        tried=tried,
        slopes=lambda wording: _slopes(encoded(wording), field, wording),
        vocabulary=bundle.vocabulary,
        rows=begun.internals.table[bundle.vocabulary.ids],
        protected=find_protected(start, plan.protected, said.fixed),
        seed=request.seed,
    )


def _steep(task: Attackable, request: Request, target: Target) -> Request:
    """The question whose gradient is taken: log-odds, which are steep where a probability is flat, and rank alike."""
    own = {param.name for param in task.params} - READING
    options = {name: value for name, value in request.options.items() if name in own}
    return replace(request, target=target, params=options | {"unit": "log_odds"})


def _token(hearing: AnswerCheck, place: int) -> int:
    """The token that begins at a character; one of nothing but space begins nowhere."""
    tokens = hearing.encodings[0].features
    return next(i for i, token in enumerate(tokens) if token.start == place and token.end != place)


def _slopes(problem: Problem, field: str, wording: AttackedText) -> WordGradients:
    _, gradients = problem.gradients(problem.x, lambda gradient: gradient)  # (1, T, F, D)
    steep, x = gradients[0, 0], problem.x[0]  # (F, D)
    belongs = torch.zeros(len(wording.words), len(x))  # (N, F)
    for row, (start, end) in zip(belongs, wording.spans, strict=True):
        for at, feature in enumerate(problem.features):
            if feature.field == field and feature.start is not None and start <= feature.start < end:
                row[at] = feature.start != feature.end
    return WordGradients(belongs @ steep, belongs @ (steep * x).sum(1), _mean(belongs, x))


def _mean(belongs: Tensor, x: Tensor) -> Tensor:
    """The mean vector of each word's pieces, (N, D)."""
    return belongs @ x / belongs.sum(1, keepdim=True).clamp(min=1)
