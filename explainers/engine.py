"""Explain, predict, evaluate and attack: run the task, method and model that a Request names."""

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
from .models.devices import bridge_devices
from .models.loading import Bundle, lease
from .models.resolve import find_card
from .models.sharing import hold_frozen
from .problem import Problem
from .progress import Progress, Run, hold_lock, quiet
from .registry import Method, check_params, find, parse_params
from .request import Pairs, Request, Target
from .results.attack import Attack
from .results.explanation import Explanation, Floats, Prediction
from .results.faithfulness import Faithfulness
from .settings import settings
from .tasks import TASKS
from .tasks.answer_check import Attackable
from .tasks.base import Task

Result = TypeVar("Result")
RANKINGS = 30  # random rankings to compare with: an explanation beats all of them by chance in 1 of 31 cases, 3.2 %
MISMATCH_LIMIT = 1e-4  # largest difference between explained and deployed score, absolute or relative


def explain(
    request: Request, *, bundle: Bundle | None = None, batch: int | None = None, progress: Progress = quiet
) -> Explanation:
    """Compute the score of every feature for the request's targets.

    `bundle` is a model that the caller has loaded; by default the request's model is loaded. `batch` is the number of
    inputs evaluated at once; by default it depends on the model's size. `progress` is called once per batch and may
    stop the run by raising. Raises an ExplainerError for errors that the user can correct.
    """
    task, method = validate(request)
    return _run_on_model(
        request, bundle, progress, lambda bundle: _compute_explanation(request, task, method, bundle, batch, progress)
    )


def _compute_explanation(
    request: Request, task: Task, method: Method, bundle: Bundle, batch: int | None, progress: Progress
) -> Explanation:
    started = time.monotonic()
    problem = make_problem(request, task, bundle, progress, batch)
    run = problem.run
    _check_needs(method, problem, bundle)
    uses_baseline = "baseline" in method.needs
    ends = problem.values(torch.cat([problem.x, problem.baseline]) if uses_baseline else problem.x)  # (2, T) or (1, T)
    mismatch = _check_deployed(problem, ends[0])
    attribution = method.run(problem, **parse_params(method.params, request.options))
    scores = attribution.scores.cpu()  # Captum's layer methods leave them on the device of the layer
    return Explanation(
        request=request,
        features=problem.features,
        targets=problem.targets,
        scores=_to_numpy(_mask_invisible(scores, problem.visible)),
        values=_to_numpy(ends[0]),
        baselines=_to_numpy(ends[1]) if uses_baseline else None,
        unit=problem.unit,
        signed=attribution.signed,
        additive=method.additive,
        prediction=problem.prediction,
        converged=attribution.converged,
        mismatch=mismatch,
        evaluations=(run.forward, run.backward),
        seconds=time.monotonic() - started,
        notices=tuple(run.notices),
        about=_describe_model(request, bundle),
        steps=problem.steps,
        spread=None if attribution.spread is None else _to_numpy(_mask_invisible(attribution.spread, problem.visible)),
        **vars(problem.layout),
        kind=task.kind,
    )


def make_problem(request: Request, task: Task, bundle: Bundle, progress: Progress, batch: int | None = None) -> Problem:
    """Make the request's Problem and start its Run, within the limits of this server."""
    problem = task.encode(bundle, request, start_run(progress))
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
    """Measure the faithfulness of the scores of target `row` by removing words or squares.

    The scores are compared with `rankings` random rankings; the other arguments are those of `explain`. No gradient
    is computed. Raises an ExplainerError for an explanation of another model.
    """
    if rankings < RANKINGS:
        raise BadRequest(
            f"{rankings} random rankings are too few for a comparison with chance. Choose {RANKINGS} or more."
        )
    request = explanation.request
    task, _ = validate(request)

    def check(bundle: Bundle) -> Faithfulness:
        started = time.monotonic()
        problem = make_problem(request, task, bundle, progress, batch)
        faithfulness = check_faithfulness(problem, explanation, row, rankings)
        evaluations = (problem.run.forward, problem.run.backward)
        return replace(faithfulness, evaluations=evaluations, seconds=time.monotonic() - started)

    return _run_on_model(request, bundle, progress, check)


def start_run(progress: Progress) -> Run:
    """Start a Run that stops at the limits of this server."""
    limits = settings()
    return Run(most_passes=limits.passes, deadline=time.monotonic() + limits.seconds, progress=progress)


def predict(request: Request, *, bundle: Bundle | None = None, progress: Progress = quiet) -> Prediction:
    """Predict the labels of the request's inputs with their probabilities, most probable first."""
    task, _ = validate(request)
    return _run_on_model(request, bundle, progress, lambda bundle: task.predict(bundle, request))


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
    """Change one text of the request so that the prediction changes or, for some attacks, so that it stays.

    `target` is the prediction to reach, None for any other; `field` is the input to change, by default the task's
    first; `protected` lists words to keep, separated by commas; `params` are the attack's own settings.
    """
    method, (task, _) = find("attack", ATTACKS, key), validate(request)
    if not isinstance(task, Attackable):
        raise BadRequest(f"{task.label} cannot be attacked: it has no text whose words could be changed.")
    plan = AttackRun(method, task, request, None if target is None else Target.of(target), field, protected, params)
    return _run_on_model(request, bundle, progress, lambda bundle: run_attack(plan, bundle, start_run(progress)))


def _run_on_model(
    request: Request, bundle: Bundle | None, progress: Progress, use: Callable[[Bundle], Result]
) -> Result:
    """Run `use` on the request's model and return its result.

    Expected errors are raised again without their traceback, so that no frame keeps the model in memory.
    """
    try:
        with borrow(request, bundle, progress) as leased:
            try:
                return use(leased)
            finally:
                del leased  # else this frame would keep it
    except BaseException as error:
        if isinstance(error, Exception) and not isinstance(error, ExplainerError):
            raise  # a bug, to be logged with all its frames
        raise error.with_traceback(None) from None


@contextmanager
def borrow(request: Request, bundle: Bundle | None, progress: Progress) -> Iterator[Bundle]:
    """Load the request's model, unless `bundle` is given, and hold its lock. A given model is restored afterwards."""
    if bundle is None:
        card = find_card(request.model, request.task, settings())
        waiting = "Waiting for the model: another user is running it"
        with lease(card, progress) as leased, hold_lock(leased.lock, progress, waiting), bridge_devices(leased.model):
            yield leased
    else:
        with hold_lock(bundle.lock, progress, "Waiting for the model"), hold_frozen(bundle.model):
            yield bundle


def canonicalize(request: Request) -> Request:
    """Write out every setting of the request with its default, so that equivalent Requests become equal."""
    task, method = validate(request)
    return replace(request, params=parse_params((*method.params, *task.params), request.options))


def validate(request: Request) -> tuple[Task, Method]:
    """Return the request's task and method. Raises BadRequest for an unknown task, method, input or setting."""
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
                f"{method.label} needs the model's {need}, which {bundle.card.label} does not provide. {why}".rstrip()
            )


def _check_deployed(problem: Problem, explained: Tensor) -> float:
    """Return the largest difference between explained and deployed scores (T,). Raises Mismatch above the limit."""
    differences = (explained - problem.deployed).abs() / problem.deployed.abs().clamp(min=1.0)  # (T,)
    mismatch = float(differences.max())
    if not mismatch <= MISMATCH_LIMIT:
        raise Mismatch(
            f"The score to explain, {float(explained[0]):.4g}, differs from that of the model's own forward pass, "
            f"{float(problem.deployed[0]):.4g}, so the explanation would not be one of this model."
        )
    return mismatch


def _mask_invisible(scores: Tensor, visible: Tensor | None) -> Tensor:
    """Set scores (T, F) to NaN where a target cannot depend on a feature."""
    return scores if visible is None else scores.masked_fill(~visible, float("nan"))


def _to_numpy(tensor: Tensor) -> Floats:
    return tensor.detach().cpu().float().numpy()


def _describe_model(request: Request, bundle: Bundle) -> Pairs:
    """List what is needed to repeat the explanation: model, settings with their defaults, versions of libraries."""
    revision = bundle.card.revision or getattr(bundle.model.config, "_commit_hash", None) or ""
    libraries = tuple((name, version(name)) for name in ("torch", "transformers", "captum"))
    options = tuple(canonicalize(request).options.items())
    return (("model", bundle.card.label), ("revision", revision), *options, *libraries)
