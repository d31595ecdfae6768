"""Requests that differ in one thing only: the method, the model, the baseline or the text; and their permalink."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from ..errors import BadRequest
from ..methods import METHODS
from ..registry import find
from ..request import INPUT, Pairs, Request, unpack
from ..tasks import TASKS

ComparisonAxis = Literal["method", "model", "baseline", "text"]
COMPARISON_AXES: tuple[ComparisonAxis, ...] = get_args(ComparisonAxis)
MOST_COMPARED = 8  # explanations side by side
BY, AMONG = "by", "among"  # query keys; no setting may have these names
OTHER_INPUT = f"{INPUT}2."  # prefix of the query keys of the second text's inputs
SEPARATOR = "|"


@dataclass(frozen=True)
class ComparisonRequest:
    """Requests that are equal to `base` except in one thing.

    `values` are their methods, models or baselines; if they differ in the text, `other` holds the inputs of the second.
    """

    by: ComparisonAxis
    base: Request
    values: tuple[str, ...] = ()
    other: Pairs = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(dict.fromkeys(self.values)))
        if self.by != "text" and not 2 <= len(self.values) <= MOST_COMPARED:
            raise BadRequest(f"{len(self.values)} explanations cannot be compared. Choose 2 to {MOST_COMPARED}.")

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests, each with the settings that its method and task have."""
        if self.by == "text":
            return drop_unknown_settings(self.base), drop_unknown_settings(replace(self.base, inputs=self.other))
        return tuple(_vary(self.by, self.base, value) for value in self.values)

    def to_query(self) -> dict[str, str]:
        """Return the comparison as the parameters of a link."""
        query = self.base.to_query() | {BY: self.by} | {OTHER_INPUT + name: text for name, text in self.other}
        return query | ({AMONG: SEPARATOR.join(self.values)} if self.values else {})

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "ComparisonRequest":
        """Read what `to_query` returned, packed or not. Raises BadRequest for anything else."""
        query = unpack(query)
        by = next((kind for kind in COMPARISON_AXES if kind == query.get(BY)), None)
        if by is None:
            wrong, axes = query.get(BY, "")[:60], ", ".join(COMPARISON_AXES)
            raise BadRequest(f"Explanations cannot be compared by {wrong!r}. Choose from: {axes}.")
        others = {name: text for name, text in query.items() if name.startswith(OTHER_INPUT)}
        base = {name: text for name, text in query.items() if name not in (BY, AMONG, *others)}
        return cls(
            by=by,
            base=Request.from_query(base),
            values=tuple(query[AMONG].split(SEPARATOR)) if query.get(AMONG) else (),
            other=tuple((name.removeprefix(OTHER_INPUT), text) for name, text in others.items()),
        )


def _vary(by: ComparisonAxis, base: Request, value: str) -> Request:
    changed: dict[str, Any] = {by: value} if by != "baseline" else {"params": base.options | {"baseline": value}}
    return drop_unknown_settings(replace(base, **changed))


def drop_unknown_settings(request: Request) -> Request:
    """Drop the settings that neither the method nor the task has. Raises BadRequest for an unknown method or task."""
    task, method = find("task", TASKS, request.task), find("method", METHODS, request.method)
    names = {param.name for param in (*method.params, *task.params)}
    return replace(request, params={name: text for name, text in request.options.items() if name in names})


def list_baselines(task: str) -> tuple[str, ...]:
    """Return the baselines of a task, the default first, without the text of one's own."""
    for param in TASKS[task].params:
        if param.name == "baseline":
            others = [choice for choice in param.choices if choice not in (param.default, "text")]
            return (str(param.default), *others)
    return ()
