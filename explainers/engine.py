"""Explain, predict, evaluate and attack: run the task, method and model that a Request names."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import TypeVar

import torch
from torch import Tensor

from .attacks import ATTACKS
from .attacks.runner import plan_attack, run_attack
from .errors import BadRequest, ExplainerError, Incompatible, Mismatch
from .evaluation.evaluate import check_faithfulness
from .methods import METHODS
from .models.loading import Bundle, lease
from .models.probes.repeatability import describe_random
from .models.resolve import find_card
from .problem import Batching, IdBaseline, Problem
from .progress import Progress, Run, hold_lock, quiet
from .registry import Method, find
from .request import Pairs, Request, Target, ValidRequest
from .results.attack import Attack
from .results.explanation import Explanation, Floats, Prediction
from .results.faithfulness import Faithfulness
from .settings import settings
from .tasks import TASKS
from .tasks.answer_check import Attackable
from .tasks.base import Task, is_unspecified

Result = TypeVar("Result")
RANKINGS = 30  # random rankings to compare with: an explanation beats all of them by chance in 1 of 31 cases, 3.2 %
TRAINS = "The model is in training mode. It is explained in evaluation mode, as it is used, and then set back."
MISMATCH_LIMIT = 1e-4  # largest difference between explained and deployed score, absolute or relative


IN_PLACE = (
    "Each token of the baseline keeps the position that the text has there: by itself, this model gives padding none."
)
OTHER_BASELINE = "this model does more with the chosen one than to look up its embedding."


def explain(
    request: Request, *, bundle: Bundle | None = None, batch: int | None = None, progress: Progress = quiet
) -> Explanation:
    """Compute the score of every feature for the request's targets.

    `bundle` is a model that the caller has loaded; by default the request's model is loaded. `batch` is the number of
    inputs evaluated at once; by default it depends on the model's size. `progress` is called once per batch and may
    stop the run by raising. Raises an ExplainerError for errors that the user can correct.
    """
    valid, task, method = validate(request)
    trains = bundle is not None and any(module.training for module in bundle.model.modules())
    explanation = _run_on_model(
        request, bundle, progress, lambda bundle: _compute_explanation(valid, task, method, bundle, batch, progress)
    )
    return replace(explanation, notices=(*explanation.notices, TRAINS)) if trains else explanation


def _compute_explanation(
    request: ValidRequest, task: Task, method: Method, bundle: Bundle, batch: int | None, progress: Progress
) -> Explanation:
    started = time.monotonic()
    problem = make_problem(request, task, bundle, progress, batch)
    run = problem.run
    _check_needs(method, problem, bundle)
    uses_baseline = "baseline" in method.needs
    points = torch.cat([problem.x, problem.baseline]) if uses_baseline else problem.x
    _check_finite(problem, problem.deployed, "for this input")
    ends = problem.values(points)  # (2, T) or (1, T)
    if uses_baseline and not _measure_mismatch(ends[0], problem.deployed) <= MISMATCH_LIMIT:
        problem = replace(problem, batching=Batching(1, 1))  # a model may read an input within a batch as another one
        ends = problem.values(points)
    mismatch = _check_deployed(problem, ends[0], bundle)
    if uses_baseline and (checked := check_baseline(problem, ends, "gradients" in method.needs)) is not problem:
        problem, ends = checked, _compute_ends(checked)
    _check_finite(problem, ends[-1], "for the baseline")
    attribution = method.run(problem, **request.select(method.params))
    scores = attribution.scores.cpu()  # Captum's layer methods leave them on the device of the layer
    _check_finite(problem, scores.sum(-1), f"in the result of {method.label}")
    return Explanation(
        request=request.to_request(),
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


def make_problem(
    request: ValidRequest, task: Task, bundle: Bundle, progress: Progress, batch: int | None = None
) -> Problem:
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
    request, task, _ = validate(explanation.request)

    def check(bundle: Bundle) -> Faithfulness:
        started = time.monotonic()
        problem = make_problem(request, task, bundle, progress, batch)
        problem = check_baseline(problem, None, False)
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
    valid, task, _ = validate(request)
    return _run_on_model(request, bundle, progress, lambda bundle: task.predict(bundle, valid))


def attack(
    key: str,
    request: Request,
    *,
    target: Target | str | int | None = None,
    field: str = "",
    protected: str = "",
    params: Mapping[str, object] | Pairs = (),
    bundle: Bundle | None = None,
    progress: Progress = quiet,
) -> Attack:
    """Change one text of the request so that the prediction changes or, for some attacks, so that it stays.

    `target` is the prediction to reach, as a label or an index, None for any other; `field` is the input to change, by
    default the task's first; `protected` lists words to keep, separated by commas; `params` are the attack's own
    settings.
    """
    method, (valid, task, _) = find("attack", ATTACKS, key), validate(request)
    if not isinstance(task, Attackable):
        raise BadRequest(f"{task.label} cannot be attacked: it has no text whose words could be changed.")
    wanted = None if is_unspecified(Target.of(target)) else Target.of(target)
    plan = plan_attack(method, task, valid, wanted=wanted, field=field, protected=protected, params=params)
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
    """Load the request's model, unless `bundle` is given, and hold its lock. The model is restored afterwards.

    Gradients are possible inside, even if the caller is in torch.inference_mode.
    """
    with torch.inference_mode(False):
        if bundle is None:
            card = find_card(request.model, request.task, settings())
            waiting = "Waiting for the model: another user is running it"
            with (
                lease(card, progress) as leased,
                hold_lock(leased.lock, progress, waiting),
                leased.hold(),
            ):
                yield leased
        else:
            with hold_lock(bundle.lock, progress, "Waiting for the model"), bundle.hold():
                yield bundle


def canonicalize(request: Request) -> Request:
    """Write out every setting of the request with its default, so that equivalent Requests become equal."""
    return replace(request, params=validate(request)[0].values)


def validate(request: Request) -> tuple[ValidRequest, Task, Method]:
    """Return the request with typed settings, its task and its method.

    Raises BadRequest for an unknown task, method, input or setting, or for a value that is not allowed.
    """
    task, method = find("task", TASKS, request.task), find("method", METHODS, request.method)
    fields = [field.name for field in task.fields]
    if unknown := set(dict(request.inputs)) - set(fields):
        raise BadRequest(f"{task.label} has no input {min(unknown)[:60]!r}. Its inputs: {', '.join(fields)}.")
    return ValidRequest.check(request, method.label, (*method.params, *task.params)), task, method


def _check_needs(method: Method, problem: Problem, bundle: Bundle) -> None:
    for need in sorted(method.needs):
        if problem.find(need) is None:
            why = dict(problem.internals.reasons).get(need, "")
            raise Incompatible(
                f"{method.label} needs the model's {need}, which {bundle.card.label} does not provide. {why}".rstrip()
            )


def _check_finite(problem: Problem, scores: Tensor, where: str) -> None:
    """Raise Incompatible for scores (T,) that are NaN or infinite; a logit of -inf has a probability of 0."""
    broken = (~scores.isfinite()).nonzero().flatten().tolist()
    for row in broken:
        raise Incompatible(
            f"The {problem.unit.replace('_', ' ')} of {problem.targets[row].label!r} is {float(scores[row])} {where}, "
            "so its change cannot be explained. Choose another unit or label, or load the model with float32 weights."
        )


def _check_deployed(problem: Problem, explained: Tensor, bundle: Bundle) -> float:
    """Return the mismatch of the explained scores (T,). Raises Mismatch above the limit, or says why passes differ."""
    mismatch = _measure_mismatch(explained, problem.deployed)
    if not mismatch <= MISMATCH_LIMIT:
        again = problem.values(problem.x)[0]
        if float((again - explained).abs().max()) > MISMATCH_LIMIT:
            raise describe_random(bundle.card.label, float(explained[0]), float(again[0]))
        raise Mismatch(
            f"The score to explain, {float(explained[0]):.4g}, differs from that of the model's own forward pass, "
            f"{float(problem.deployed[0]):.4g}, so the explanation would not be one of this model."
        )
    return mismatch


def _measure_mismatch(explained: Tensor, deployed: Tensor) -> float:
    """Return the largest difference between scores (T,), relative to those above 1."""
    return float(((explained - deployed).abs() / deployed.abs().clamp(min=1.0)).max())


def check_baseline(problem: Problem, ends: Tensor | None, differentiates: bool) -> Problem:
    """Return the Problem, or another whose score of the baseline is that of the model's own pass on its ids.

    `ends` (2, T) are the scores of input and baseline, if they are known. Where a model does more with an id than to
    look up its embedding (some count positions without padding, or read the last token before it), a method that only
    perturbs the text is given ids. One that `differentiates` is given another baseline, with a notice. Raises Mismatch
    if there is none.
    """
    ids = problem.id_baseline
    if ids is None or (ids.proven is not None and ids.kind in ids.proven):
        return problem
    shown, deployed = (_compute_ends(problem) if ends is None else ends)[1], _read_baseline(ids)  # (T,)
    if _measure_mismatch(shown, deployed) <= MISMATCH_LIMIT:
        if ids.proven is not None:
            ids.proven.add(ids.kind)
        return problem
    if not differentiates:
        return ids.on_ids(problem)
    in_place = ids.read_in_place()
    if in_place is not None and _measure_mismatch(shown, in_place) <= MISMATCH_LIMIT:
        problem.run.notices.append(IN_PLACE)
        return problem
    for name, other in ids.others(problem):
        own = other.id_baseline
        if own is None or _measure_mismatch(_compute_ends(other)[1], _read_baseline(own)) <= MISMATCH_LIMIT:
            problem.run.notices.append(f"The baseline is {name}, because {OTHER_BASELINE}")
            return other
    raise Mismatch(
        f"The score of the baseline, {float(shown[0]):.4g}, differs from that of the model's own forward pass on its "
        f"tokens, {float(deployed[0]):.4g}. Choose another baseline, or a method that does not use gradients."
    )


def _read_baseline(ids: IdBaseline) -> Tensor:
    """Return the scores (T,) of the model's own pass on the baseline. Raises Mismatch if the model refuses its ids."""
    try:
        return ids.read()
    except ExplainerError:
        raise
    except (ValueError, IndexError, RuntimeError) as error:  # BART refuses a second end-of-sequence token
        logging.getLogger(__name__).warning("the model refuses the baseline", exc_info=error)
        raise Mismatch(f"The model refuses the tokens of the baseline: {error} Choose another baseline.") from None


def _compute_ends(problem: Problem) -> Tensor:
    """Compute the scores of input and baseline, (2, T)."""
    with torch.no_grad():
        return problem.score(torch.cat([problem.x, problem.baseline]))


def _mask_invisible(scores: Tensor, visible: Tensor | None) -> Tensor:
    """Set scores (T, F) to NaN where a target cannot depend on a feature."""
    return scores if visible is None else scores.masked_fill(~visible, float("nan"))


def _to_numpy(tensor: Tensor) -> Floats:
    return tensor.detach().cpu().float().numpy()


def _describe_model(request: Request, bundle: Bundle) -> Pairs:
    """List what is needed to repeat the explanation: model, settings with their defaults, versions of libraries."""
    revision = bundle.card.revision or getattr(bundle.model.config, "_commit_hash", None) or ""
    options = tuple(canonicalize(request).options.items())
    return (("model", bundle.card.label), ("revision", revision), *options, *_find_versions())


@cache  # reading a version parses the metadata of a whole package
def _find_versions() -> Pairs:
    return tuple((name, version(name)) for name in ("torch", "transformers", "captum"))
