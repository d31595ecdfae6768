"""Check and run one attack, with gradients from the task's Problem and answers from plain forward passes.

The caller holds the model's lock.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from ..errors import BadRequest, Incompatible
from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..registry import AttackMethod, Value, list_params, parse_params
from ..request import Pairs, Target, ValidRequest, format_setting
from ..results.attack import Attack, Step, with_text
from ..results.edited_text import AttackedText
from ..tasks.answer_check import AnswerCheck, Attackable, Judgement, judge_all
from ..tasks.tokenization import ScoreParams
from .target_model import AttackState, TargetModel, WordGradients, find_protected

SCORE_PARAMS = {param.name for param in list_params(ScoreParams)}


@dataclass(frozen=True)
class AttackRun:
    """An attack to run: its method, its settings as text (`params`) and typed (`values`), and the task and request.

    `field` is the input to change, `wanted` the answer to reach, None for any other answer; `protected` holds words
    that must not change.
    """

    method: AttackMethod
    params: Pairs
    values: Mapping[str, Value]
    task: Attackable
    request: ValidRequest
    wanted: Target | None
    field: str
    protected: str


def plan_attack(
    method: AttackMethod,
    task: Attackable,
    request: ValidRequest,
    *,
    wanted: Target | None,
    field: str,
    protected: str,
    params: Mapping[str, object] | Pairs,
) -> AttackRun:
    """Plan an attack on the input `field`, by default the task's first. Raises BadRequest for what does not fit."""
    fields = task.editable
    if field and field not in fields:
        raise BadRequest(f"{task.label} has no text {field[:60]!r} to change. Its texts: {', '.join(fields)}.")
    if wanted and method.keeps:
        raise BadRequest(f"{method.label} keeps the model's prediction, so no target can be chosen.")
    texts = {str(name): format_setting(value) for name, value in dict(params).items()}
    values = parse_params(method.label, method.params, texts)
    targets = {
        "prediction": Target(),
        "position": Target(position=request.target.position),
        "target": replace(request.target, foil=None),
    }
    return AttackRun(
        method=method,
        params=tuple(sorted(texts.items())),
        values=values,
        task=task,
        request=replace(request, target=targets[task.subject]),
        wanted=wanted,
        field=field or fields[0],
        protected=protected,
    )


def run_attack(plan: AttackRun, bundle: Bundle, run: Run) -> Attack:
    """Run an attack on a model. Raises BadRequest if the model does not predict what is to be attacked."""
    started = time.monotonic()
    (judgement,) = judge_all(bundle, [plan.task.make_answer_check(bundle, plan.request, run, None)], run)
    if not judgement.met:
        raise BadRequest(
            f"The model does not predict {judgement.target.label!r} here, but {judgement.says!r}. Attack a prediction."
        )
    target_model = _make_target_model(plan, bundle, run, judgement)
    if not plan.method.keeps and target_model.reaches_goal(target_model.start):
        raise BadRequest(f"The model already predicts {judgement.says!r}. Choose another target.")
    outcome = plan.method.run(target_model, **plan.values)
    last = with_text(plan.request, plan.field, outcome.path[-1].attacked_text.text)
    return Attack(
        request=plan.request.to_request(),
        key=plan.method.key,
        field=plan.field,
        attacked=judgement.target,
        wanted=_name_wanted(plan.wanted, target_model.start.judgement),
        before=plan.task.predict(bundle, plan.request),
        after=plan.task.predict(bundle, last),
        success=outcome.success,
        reason=outcome.reason,
        trajectory=_make_steps(outcome.path),
        minimal=tuple(_make_step(state, 0) for state in outcome.minimal),
        protected=plan.protected,
        params=plan.params,
        evaluations=(run.forward, run.backward),
        seconds=time.monotonic() - started,
    )


def _name_wanted(wanted: Target | None, judgement: Judgement) -> Target | None:
    """Return the wanted prediction with its label, if it was given by its index."""
    if wanted is None or wanted.label is not None:
        return wanted
    return replace(wanted, label=judgement.target.label)


def _make_steps(path: Sequence[AttackState]) -> tuple[Step, ...]:
    """Make the steps of a path, each with the edits since the step before."""
    counts = [0, *(len(state.attacked_text.edits) for state in path)]
    return tuple(_make_step(state, count) for state, count in zip(path, counts, strict=False))


def _make_step(state: AttackState, skip: int) -> Step:
    """Make a step from a state, without its first `skip` edits."""
    text, judgement = state.attacked_text, state.judgement
    return Step(text.text, text.edits[skip:], judgement.says, judgement.probability)


def _make_target_model(plan: AttackRun, bundle: Bundle, run: Run, judgement: Judgement) -> TargetModel:
    """Make the model under attack; `judgement` is its answer to the original text."""
    task, request, field = plan.task, plan.request, plan.field
    problem = task.encode(bundle, _make_gradient_request(task, request, judgement.target), run)
    if problem.internals.table is None:
        raise BadRequest(f"{bundle.card.label} has no embedding table to choose words from.")
    original = (dict(problem.layout.texts) or request.texts)[field]
    position = judgement.target.position
    place = None if position is None else problem.features[position].start  # in characters
    tokens = [feature for feature in problem.features if feature.field == field and not feature.special]
    if any(token.start is None for token in tokens):
        raise Incompatible(f"The tokenizer of {bundle.card.label} does not tell which token stands for which word.")
    start = AttackedText.of(original, tokens)
    goal = replace(plan.wanted or judgement.target, position=position, text=judgement.target.text)

    def make_check(text: AttackedText) -> AnswerCheck:
        at = None if place is None else text.locate(place)
        return task.make_answer_check(bundle, replace(with_text(request, field, text.text), target=goal), run, at)

    def evaluate(texts: Sequence[AttackedText]) -> list[AttackState]:
        judgements = judge_all(bundle, [make_check(text) for text in texts], run)
        return [AttackState(*pair) for pair in zip(texts, judgements, strict=True)]

    def compute_gradients(text: AttackedText) -> WordGradients:
        token = None if place is None else _find_token(make_check(text), text.locate(place))
        run.spend(1)  # the plain forward pass that every encoding begins with
        changed = with_text(request, field, text.text)
        changed = _make_gradient_request(task, changed, replace(goal, position=token))
        return _compute_word_gradients(task.encode(bundle, changed, run), field, text)

    return TargetModel(
        start=evaluate([start])[0],
        towards=plan.wanted is not None or plan.method.keeps,
        evaluate=evaluate,
        compute_gradients=compute_gradients,
        vocabulary=bundle.vocabulary,
        embeddings=problem.internals.table[bundle.vocabulary.ids],
        protected=find_protected(start, plan.protected, judgement.fixed),
        seed=request.seed,
    )


def _make_gradient_request(task: Attackable, request: ValidRequest, target: Target) -> ValidRequest:
    """Make the request whose gradient is taken: in log-odds, which do not saturate as probabilities do."""
    own = {param.name for param in task.params} - SCORE_PARAMS
    options = {name: value for name, value in request.options.items() if name in own}
    return replace(request, target=target, params=options | {"unit": "log_odds"})


def _find_token(check: AnswerCheck, place: int) -> int:
    """Find the index of the token that begins at a character, ignoring empty tokens."""
    tokens = check.encodings[0].features
    return next(i for i, token in enumerate(tokens) if token.start == place and token.end != place)


def _compute_word_gradients(problem: Problem, field: str, text: AttackedText) -> WordGradients:
    """Compute the gradients of N words from those of F tokens."""
    _, gradients = problem.gradients(problem.x, lambda gradient: gradient)  # (1, T, F, D)
    gradient, x = gradients[0, 0], problem.x[0]  # (F, D)
    members = torch.zeros(len(text.words), len(x))  # (N, F), 1 for the tokens of a word
    for row, (start, end) in zip(members, text.spans, strict=True):
        for i, feature in enumerate(problem.features):
            if feature.field == field and feature.start is not None and start <= feature.start < end:
                row[i] = feature.start != feature.end
    means = members @ x / members.sum(1, keepdim=True).clamp(min=1)  # (N, D)
    return WordGradients(members @ gradient, members @ (gradient * x).sum(1), means)
