"""Explain, predict, evaluate and attack: the functions that bring a Request's task, method and model together."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import TypeVar

import torch
from torch import Tensor

from .attacks import ATTACKS
from .attacks.runner import AttackRun, run_attack
from .errors import BadRequest, ExplainerError, Incompatible, Mismatch
from .evaluation.evaluate import check_faithfulness
from .methods import METHODS
from .models.loading import Bundle, lease
from .models.resolve import find_card
from .problem import Problem
from .progress import Progress, Run, hold_lock, quiet
from .registry import Method, check_params, find, param_values
from .request import Pairs, Request, Target
from .results.attack import Attack
from .results.explanation import Explanation, Floats, Prediction
from .results.faithfulness import Faithfulness
from .settings import settings
from .tasks import TASKS
from .tasks.answer_check import Attackable
from .tasks.base import Task

Answer = TypeVar("Answer")
RANKINGS = 30  # random ones, beside every map that is checked: the best of 31 is so by chance in 3.2 %
CLOSE = 1e-4  # how far the explained number may be from the deployed one, absolute or relative


def explain(
    request: Request, *, bundle: Bundle | None = None, batch: int | None = None, progress: Progress = quiet
) -> Explanation:
    """Compute the scores of every feature for the request's target.

    `bundle` is a model that the caller has loaded, else the request's model is found and loaded; `batch` is how many
    inputs are evaluated at once, else the model's size decides. `progress` is called once a batch and may stop the
    run by raising. Raises an ExplainerError for what a person can correct.
    """
    task, method = validate(request)
    return _lent(request, bundle, progress, lambda held: _explained(request, task, method, held, batch, progress))


def _explained(
    request: Request, task: Task, method: Method, held: Bundle, batch: int | None, progress: Progress
) -> Explanation:
    started = time.monotonic()
    problem = make_problem(request, task, held, progress, batch)
    run = problem.run
    _check_needs(method, problem, held)
    compares = "baseline" in method.needs
    ends = problem.values(torch.cat([problem.x, problem.baseline]) if compares else problem.x)  # (2, T) or (1, T)
    mismatch = _check_deployed(problem, ends[0])
    attribution = method.run(problem, **param_values(method.params, request.options))
    return Explanation(
        request=request,
        features=problem.features,
        targets=problem.targets,
        scores=_floats(_visible(attribution.scores, problem.visible)),
        values=_floats(ends[0]),
        baselines=_floats(ends[1]) if compares else None,
        unit=problem.unit,
        signed=attribution.signed,
        additive=method.additive,
        prediction=problem.prediction,
        converged=attribution.converged,
        mismatch=mismatch,
        evaluations=(run.forward, run.backward),
        seconds=time.monotonic() - started,
        notices=tuple(run.notices),
        about=_about(request, held),
        steps=problem.steps,
        spread=None if attribution.spread is None else _floats(_visible(attribution.spread, problem.visible)),
        **vars(problem.layout),
        kind=task.kind,
    )


def make_problem(request: Request, task: Task, held: Bundle, progress: Progress, batch: int | None = None) -> Problem:
    """Make the request's Problem, within this server's limits, which begin to count now."""
    problem = task.encode(held, request, start_run(progress))
    batching = problem.batching
    return replace(problem, batching=replace(batching, size=min(batch or batching.size, batching.limit)))


def evaluate(
    explanation: Explanation,
    *,
    row: int = 0,
    rankings: int = RANKINGS,
    bundle: Bundle | None = None,
    batch: int | None = None,
    progress: Progress = quiet,
) -> Faithfulness:
    """Measure the faithfulness of target `row`: remove words or squares, and compare the scores.

    It is compared with `rankings` random rankings; the rest is as in `explain`. No gradient is computed. Raises an
    ExplainerError for an explanation of another model.
    """
    if rankings < RANKINGS:
        raise BadRequest(f"{rankings} random rankings are too few to tell chance by. Take {RANKINGS} or more.")
    request = explanation.request
    task, _ = validate(request)

    def checked(held: Bundle) -> Faithfulness:
        started = time.monotonic()
        problem = make_problem(request, task, held, progress, batch)
        found = check_faithfulness(problem, explanation, row, rankings)
        evaluations = (problem.run.forward, problem.run.backward)
        return replace(found, evaluations=evaluations, seconds=time.monotonic() - started)

    return _lent(request, bundle, progress, checked)


def start_run(progress: Progress) -> Run:
    """Make a Run that stops at the limits of this server."""
    limits = settings()
    return Run(most_passes=limits.passes, deadline=time.monotonic() + limits.seconds, progress=progress)


def predict(request: Request, *, bundle: Bundle | None = None, progress: Progress = quiet) -> Prediction:
    """Predict every label of the request's inputs with its probability, best first."""
    task, _ = validate(request)
    return _lent(request, bundle, progress, lambda held: task.predict(held, request))


def attack(
    key: str,
    request: Request,
    *,
    target: Target | str | None = None,
    field: str = "",
    protected: str = "",
    params: Mapping[str, object] | Pairs = (),
    bundle: Bundle | None = None,
    progress: Progress = quiet,
) -> Attack:
    """Change one text of the request so that the model says something else, or so that it still says the same.

    `target` is what it is to say, None for anything else; `field` the input that is changed, the task's first unless
    named; `protected` are words that must stay, with commas between them; `params` are the attack's own settings.
    """
    method, (task, _) = find("attack", ATTACKS, key), validate(request)
    if not isinstance(task, Attackable):
        raise BadRequest(f"{task.label} cannot be attacked: there is no text whose words could be changed.")
    plan = AttackRun(method, task, request, None if target is None else Target.of(target), field, protected, params)
    return _lent(request, bundle, progress, lambda held: run_attack(plan, held, start_run(progress)))


def _lent(request: Request, bundle: Bundle | None, progress: Progress, use: Callable[[Bundle], Answer]) -> Answer:
    """Run `use` on the request's model.

    Expected errors are raised again without their traceback, so that no frame keeps the model in memory.
    """
    try:
        with borrow(request, bundle, progress) as held:
            try:
                return use(held)
            finally:
                del held  # else this frame would keep it
    except BaseException as error:
        if isinstance(error, Exception) and not isinstance(error, ExplainerError):
            raise  # a fault of ours, to be logged with all its frames
        raise error.with_traceback(None) from None


@contextmanager
def borrow(request: Request, bundle: Bundle | None, progress: Progress) -> Iterator[Bundle]:
    """Load the request's model, unless the caller has, and hold its lock."""
    if bundle is None:
        card = find_card(request.model, request.task, settings())
        waiting = "Waiting for the model, which another visitor is using"
        with lease(card, progress) as leased, hold_lock(leased.lock, progress, waiting):
            yield leased
    else:
        with hold_lock(bundle.lock, progress, "Waiting for the model"):
            yield bundle


def canonicalize(request: Request) -> Request:
    """Write every setting of the request out, so that equal questions become equal Requests."""
    task, method = validate(request)
    return replace(request, params=param_values((*method.params, *task.params), request.options))


def validate(request: Request) -> tuple[Task, Method]:
    """The request's task and method. Raises BadRequest for an unknown task, method, input or setting."""
    task, method = find("task", TASKS, request.task), find("method", METHODS, request.method)
    fields = [field.name for field in task.fields]
    if unknown := set(dict(request.inputs)) - set(fields):
        raise BadRequest(f"{task.label} has no input {min(unknown)[:60]!r}. Its inputs: {', '.join(fields)}.")
    check_params(method.label, (*method.params, *task.params), request.options)
    return task, method


def _check_needs(method: Method, problem: Problem, bundle: Bundle) -> None:
    for need in sorted(method.needs):
        if problem.find(need) is None:
            why = dict(problem.internals.reasons).get(need, "")
            raise Incompatible(
                f"{method.label} needs the model's {need}, which {bundle.card.label} does not give. {why}".rstrip()
            )


def _check_deployed(problem: Problem, explained: Tensor) -> float:
    """Return the largest difference between the explained and the deployed scores. Raises Mismatch above CLOSE."""
    differences = (explained - problem.deployed).abs() / problem.deployed.abs().clamp(min=1.0)  # (T,)
    mismatch = float(differences.max())
    if not mismatch <= CLOSE:
        raise Mismatch(
            f"The number that would be explained, {float(explained[0]):.4g}, is not what the model gives, "
            f"{float(problem.deployed[0]):.4g}. Wherefore shows no explanation of another model than the one asked for."
        )
    return mismatch


def _visible(scores: Tensor, visible: Tensor | None) -> Tensor:
    """The scores (T, F), NaN where a target cannot depend on a feature."""
    return scores if visible is None else scores.masked_fill(~visible, float("nan"))


def _floats(tensor: Tensor) -> Floats:
    return tensor.detach().cpu().float().numpy()


def _about(request: Request, bundle: Bundle) -> Pairs:
    """Model, settings with their defaults, and versions of libraries: what is needed to repeat the explanation."""
    revision = bundle.card.revision or getattr(bundle.model.config, "_commit_hash", None) or ""
    libraries = tuple((name, version(name)) for name in ("torch", "transformers", "captum"))
    settings_in_force = tuple(canonicalize(request).options.items())
    return (("model", bundle.card.label), ("revision", revision), *settings_in_force, *libraries)
