"""Several requests that differ in one thing: the method, the model, the baseline or the text; and their link.

Knows no loaded model and no page.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from ..errors import BadRequest
from ..methods import METHODS
from ..registry import find
from ..request import INPUT, Pairs, Request, unpack
from ..tasks import TASKS

Difference = Literal["method", "model", "baseline", "text"]
DIFFERENCES: tuple[Difference, ...] = get_args(Difference)
MOST = 8  # maps side by side
BY, AMONG = "by", "among"  # names in a link, which no method's setting may bear
OTHER = f"{INPUT}2."  # prefix of the second text's inputs in a link
BETWEEN = "|"


@dataclass(frozen=True)
class ComparisonRequest:
    """Requests that are equal to `base` but for one thing.

    `values` are the methods, models or baselines that they have there, or else `other` holds the inputs of the second.
    """

    by: Difference
    base: Request
    values: tuple[str, ...] = ()
    other: Pairs = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(dict.fromkeys(self.values)))
        if self.by != "text" and not 2 <= len(self.values) <= MOST:
            raise BadRequest(f"{len(self.values)} maps cannot be compared side by side. Choose 2 to {MOST}.")

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests, each with those of the settings that its method and task know."""
        if self.by == "text":
            return drop_unknown_settings(self.base), drop_unknown_settings(replace(self.base, inputs=self.other))
        return tuple(_with(self.by, self.base, value) for value in self.values)

    def to_query(self) -> dict[str, str]:
        """All of it as flat text."""
        query = self.base.to_query() | {BY: self.by} | {OTHER + name: text for name, text in self.other}
        return query | ({AMONG: BETWEEN.join(self.values)} if self.values else {})

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "ComparisonRequest":
        """The variants that `to_query` wrote, packed or not. Raises BadRequest for what it cannot read."""
        query = unpack(query)
        by = next((kind for kind in DIFFERENCES if kind == query.get(BY)), None)
        if by is None:
            raise BadRequest(f"Maps do not differ by {query.get(BY, '')[:60]!r}, but by {', '.join(DIFFERENCES)}.")
        own = {name: text for name, text in query.items() if name not in (BY, AMONG) and not name.startswith(OTHER)}
        return cls(
            by=by,
            base=Request.from_query(own),
            values=tuple(query[AMONG].split(BETWEEN)) if query.get(AMONG) else (),
            other=tuple((name[len(OTHER) :], text) for name, text in query.items() if name.startswith(OTHER)),
        )


def _with(by: Difference, base: Request, value: str) -> Request:
    changed: dict[str, Any] = {by: value} if by != "baseline" else {"params": base.options | {"baseline": value}}
    return drop_unknown_settings(replace(base, **changed))


def drop_unknown_settings(request: Request) -> Request:
    """The request without the settings that its method and task do not have. Raises BadRequest for no task or method.

    A setting of the method keeps its value only if the request's method has it: others never see it.
    """
    task, method = find("task", TASKS, request.task), find("method", METHODS, request.method)
    names = {param.name for param in (*method.params, *task.params)}
    return replace(request, params={name: text for name, text in request.options.items() if name in names})


def list_baselines(task: str) -> tuple[str, ...]:
    """What a task's inputs can be compared with, the default first; a text of one's own is left out."""
    for param in TASKS[task].params:
        if param.name == "baseline":
            others = [choice for choice in param.choices if choice not in (param.default, "text")]
            return (str(param.default), *others)
    return ()
