"""Methods, and the knobs that a function's signature declares: said once there, they become widget, link and default.

Knows no torch and no Streamlit; a Method's `run` takes a Problem and is called by the engine alone.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from inspect import Parameter, getdoc, signature
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from .errors import BadRequest

Value = bool | int | float | str
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Range:
    """The values from `low` to `high` that a number may take."""

    low: float
    high: float


@dataclass(frozen=True)
class Only:
    """What a setting is about: tasks on `text`, or on `image`. Others do not show it, and it does nothing there."""

    kind: str


@dataclass(frozen=True)
class Knob:
    """A setting: its name, type and default, what it may be, and one sentence about it."""

    name: str
    kind: type
    default: Value
    choices: tuple[str, ...] = ()
    range: Range | None = None
    help: str = ""
    only: str = ""  # text or image, empty for both

    @property
    def label(self) -> str:
        """The name as people read it."""
        return self.name.replace("_", " ").capitalize()

    def read(self, text: str) -> Value:
        """The value that `text` stands for. Raises BadRequest with what would be right."""
        try:
            value: Value = text == "true" if self.kind is bool else self.kind(text)
        except ValueError:
            raise BadRequest(f"{self.label} cannot be {text[:40]!r}. Give {self.allowed}.") from None
        if not self.takes(value, text):
            raise BadRequest(f"{self.label} cannot be {text[:40]!r}. Give {self.allowed}.")
        return value

    def takes(self, value: Value, text: str) -> bool:
        """Whether the value is one that this knob allows."""
        if self.kind is bool:
            return text in ("true", "false")
        if self.range and isinstance(value, int | float):
            return self.range.low <= value <= self.range.high  # false for NaN too
        return not self.choices or value in self.choices

    @property
    def allowed(self) -> str:
        """What would be right, in words."""
        if self.kind is bool:
            return "true or false"
        if self.range:
            whole = "a whole number" if self.kind is int else "a number"
            return f"{whole} from {self.range.low:g} to {self.range.high:g}"
        return f"one of {', '.join(self.choices)}" if self.choices else "text"


def knobs(function: Callable[..., Any]) -> tuple[Knob, ...]:
    """The keyword-only parameters of a function as Knobs."""
    hints = get_type_hints(function, include_extras=True)
    given = signature(function).parameters.values()
    return tuple(_knob(p, hints[p.name]) for p in given if p.kind is Parameter.KEYWORD_ONLY)


def _knob(parameter: Parameter, hint: Any) -> Knob:
    bare, *extras = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    choices = get_args(bare) if get_origin(bare) is Literal else ()
    return Knob(
        name=parameter.name,
        kind=str if choices else bare,
        default=parameter.default,
        choices=choices,
        range=next((extra for extra in extras if isinstance(extra, Range)), None),
        help=next((extra for extra in extras if isinstance(extra, str)), ""),
        only=next((extra.kind for extra in extras if isinstance(extra, Only)), ""),
    )


def settings_of(params: Mapping[str, str], known: Iterable[Knob]) -> dict[str, Value]:
    """The value of each knob: as the request says it, else its default."""
    return {knob.name: knob.read(params[knob.name]) if knob.name in params else knob.default for knob in known}


@dataclass(frozen=True)
class Family:
    """Methods that look at the same: by `needs` they are told, those that need nothing of it come last."""

    label: str
    summary: str
    needs: frozenset[str]


FAMILIES = {
    "gradients": Family(
        "Gradients",
        "It asks how the answer would change if each piece changed a little, at the input or on a way to it.",
        frozenset({"gradients", "layer", "hidden", "conv"}),
    ),
    "attention": Family(
        "Attention",
        "It follows what the model's layers take from each piece: where it looks, not what that does to the answer.",
        frozenset({"attentions", "zeroing"}),
    ),
    "parts": Family(
        "Parts taken away",
        "It takes parts away, asks the model again and sees what changes. It uses nothing but the model's answers.",
        frozenset(),
    ),
}


@dataclass(frozen=True)
class Method:
    """An attribution method: one function from a Problem to scores, and what its signature and decorator say."""

    key: str
    label: str
    paper: str
    run: Callable[..., Any]
    needs: frozenset[str]
    additive: bool
    params: tuple[Knob, ...]

    @property
    def family(self) -> str:
        """The FAMILIES name of what the method looks at, by what it needs."""
        return next(name for name, family in FAMILIES.items() if self.needs & family.needs or not family.needs)

    @property
    def summary(self) -> str:
        """The first sentence of the function's docstring."""
        return first_sentence(self.run)


def first_sentence(function: Callable[..., Any]) -> str:
    """How a function's docstring begins."""
    return re.split(r"\.\s", getdoc(function) or "")[0].rstrip(".").replace("\n", " ") + "."


METHODS: dict[str, Method] = {}


def method(
    label: str, *, paper: str, needs: Iterable[str] = (), additive: bool = False
) -> Callable[[Function], Function]:
    """Register the decorated function as a Method; the function itself stays as it is.

    `needs` names attributes of Problem that must be there; `additive` promises that scores sum to F(x) - F(x').
    """

    def register(function: Function) -> Function:
        key = function.__name__
        METHODS[key] = Method(key, label, paper, function, frozenset(needs), additive, knobs(function))
        return function

    return register
