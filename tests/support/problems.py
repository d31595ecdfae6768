"""Problems with closed-form answers."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from explainers.problem import Problem
from explainers.request import Target
from explainers.results.explanation import Feature, Prediction


def make_problem(
    score: Callable[[Tensor], Tensor], x: Tensor, baseline: Tensor | None = None, **more: object
) -> Problem:
    """Make a Problem with `score`, (B, F, D) -> (B, T), at `x` (F, D); the baseline defaults to 0."""
    x = x[None]
    baseline = torch.zeros_like(x) if baseline is None else baseline[None]
    values = score(x)[0]
    targets = tuple(Target(f"target {t}", t) for t in range(len(values)))
    problem = Problem(
        features=tuple(Feature(f"f{i}", "text", i, i + 1, i) for i in range(x.shape[1])),
        targets=targets,
        prediction=Prediction(targets),
        unit="score",
        x=x,
        baseline=baseline,
        score=score,
        deployed=values,
    )
    return change_problem(problem, **more)


def change_problem(problem: Problem, **changes: object) -> Problem:
    """Replace attributes of a Problem, or of its layout, internals and batching."""
    parts = {name: getattr(problem, name) for name in ("layout", "internals", "batching")}
    for name, part in parts.items():
        own = {key: changes.pop(key) for key in list(changes) if hasattr(part, key)}
        parts[name] = replace(part, **own)
    return replace(problem, **parts, **changes)


def make_linear_problem(features: int = 5, width: int = 3, targets: int = 2) -> tuple[Problem, Tensor, Tensor]:
    """Make a linear score: the Problem, the weights (T, F, D), and weight times (input - baseline), (T, F)."""
    generator = torch.Generator().manual_seed(3)
    weights = torch.randn(targets, features, width, generator=generator)
    x, baseline = torch.randn(2, features, width, generator=generator)
    problem = make_problem(lambda points: torch.einsum("bfd,tfd->bt", points, weights), x, baseline)
    return problem, weights, (weights * (x - baseline)).sum(-1)
