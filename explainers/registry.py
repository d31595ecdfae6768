"""The registry of methods, attacks and metrics, and the parameters that their signatures declare."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from inspect import Parameter, getdoc, signature
from pkgutil import iter_modules
from types import ModuleType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from .errors import BadRequest

T = TypeVar("T")
Value = bool | int | float | str
Better = Literal["high", "low"]
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Range:
    """The range of a numeric parameter, both ends included."""

    low: float
    high: float


@dataclass(frozen=True)
class Only:
    """The kind of task, `text` or `image`, that a parameter applies to; others neither show nor use it."""

    kind: str


@dataclass(frozen=True)
class Labels:
    """The choices of a parameter for readers: each with its label and a sentence about it."""

    rows: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Param:
    """A parameter of a method, an attack or a task: its name, type, default, allowed values and help."""

    name: str
    kind: type
    default: Value
    choices: tuple[str, ...] = ()
    range: Range | None = None
    help: str = ""
    only: str = ""  # text or image, empty for both
    labels: tuple[tuple[str, str, str], ...] = ()  # of the choices, each with a sentence

    def name_choice(self, choice: str) -> str:
        """Name a choice for readers."""
        known = {key: label for key, label, _ in self.labels}
        return known.get(choice) or (choice.replace("_", "-").capitalize() if choice.islower() else choice)

    @property
    def label(self) -> str:
        """The name for readers."""
        return self.name.replace("_", " ").capitalize()

    def parse(self, text: str) -> Value:
        """Parse `text`. Raises BadRequest for a value that is not allowed."""
        try:
            value: Value = text == "true" if self.kind is bool else self.kind(text)
        except ValueError:
            raise BadRequest(f"{self.label} cannot be {text[:40]!r}. Give {self.allowed}.") from None
        if not self.accepts(value, text):
            raise BadRequest(f"{self.label} cannot be {text[:40]!r}. Give {self.allowed}.")
        return value

    def accepts(self, value: Value, text: str) -> bool:
        """Return whether the value, parsed from `text`, is allowed."""
        if self.kind is bool:
            return text in ("true", "false")
        if self.range and isinstance(value, int | float):
            return self.range.low <= value <= self.range.high  # false for NaN too
        return not self.choices or value in self.choices

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        if self.kind is bool:
            return "true or false"
        if self.range:
            whole = "a whole number" if self.kind is int else "a number"
            return f"{whole} from {self.range.low:g} to {self.range.high:g}"
        return f"one of {', '.join(self.choices)}" if self.choices else "text"


def list_params(function: Callable[..., Any]) -> tuple[Param, ...]:
    """List the keyword-only parameters of a function or a dataclass as Params."""
    hints = get_type_hints(function, include_extras=True)
    given = signature(function).parameters.values()
    return tuple(_make_param(p, hints[p.name]) for p in given if p.kind is Parameter.KEYWORD_ONLY)


def _make_param(parameter: Parameter, hint: Any) -> Param:
    bare, *extras = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    choices = get_args(bare) if get_origin(bare) is Literal else ()
    return Param(
        name=parameter.name,
        kind=str if choices else bare,
        default=parameter.default,
        choices=choices,
        range=next((extra for extra in extras if isinstance(extra, Range)), None),
        help=next((extra for extra in extras if isinstance(extra, str)), ""),
        only=next((extra.kind for extra in extras if isinstance(extra, Only)), ""),
        labels=next((extra.rows for extra in extras if isinstance(extra, Labels)), ()),
    )


def parse_params(owner: str, params: Iterable[Param], texts: Mapping[str, str]) -> dict[str, Value]:
    """Return the value of each parameter: parsed from `texts`, or its default.

    Raises BadRequest for a text whose name is not in `params`, or whose value is not allowed.
    """
    known = {param.name: param for param in params}
    for name in texts:
        if name not in known:
            raise BadRequest(f"{owner} has no setting {name[:60]!r}. Its settings: {', '.join(known)}.")
    return {name: param.parse(texts[name]) if name in texts else param.default for name, param in known.items()}


def find(kind: str, table: Mapping[str, T], key: str) -> T:
    """Look up a task, method or attack by its key. Raises BadRequest, which lists the keys, for an unknown one."""
    if key not in table:
        raise BadRequest(f"There is no {kind} {key[:60]!r}. {kind.capitalize()}s: {', '.join(table)}.")
    return table[key]


@dataclass(frozen=True)
class Entry:
    """What methods, attacks and metrics have in common: a function `run` and its name as `key`."""

    key: str
    label: str
    paper: str
    run: Callable[..., Any]

    @property
    def summary(self) -> str:
        """The first sentence of the function's docstring."""
        return re.split(r"\.\s", getdoc(self.run) or "")[0].rstrip(".").replace("\n", " ") + "."


@dataclass(frozen=True)
class Family:
    """Methods that use the same part of a model. A method belongs to the first family with one of its `needs`."""

    label: str
    summary: str
    needs: frozenset[str]


FAMILIES = {
    "gradients": Family(
        "Gradients",
        "It computes how the prediction would change if each part of the input changed a little.",
        frozenset({"gradients", "layer", "hidden", "conv"}),
    ),
    "attention": Family(
        "Attention",
        "It shows how much the model attends to each part of the input, not how that affects the prediction.",
        frozenset({"attentions", "zeroing"}),
    ),
    "parts": Family(
        "Perturbation",
        "It removes parts of the input and measures how the prediction changes. It needs only the model's output.",
        frozenset(),
    ),
}


@dataclass(frozen=True)
class Method(Entry):
    """An attribution method: `run` takes a Problem and its `params`, and returns an Attribution."""

    needs: frozenset[str]
    additive: bool
    params: tuple[Param, ...]

    @property
    def family(self) -> str:
        """The method's key in FAMILIES."""
        return next(name for name, family in FAMILIES.items() if self.needs & family.needs or not family.needs)


@dataclass(frozen=True)
class AttackMethod(Entry):
    """An attack: `run` takes a TargetModel and its `params`, and returns an AttackOutcome.

    If `keeps` is True, the attack changes the text while the prediction stays; otherwise it changes the prediction.
    """

    keeps: bool
    params: tuple[Param, ...]


@dataclass(frozen=True)
class Metric(Entry):
    """A faithfulness metric: `run` takes a PerturbationTest and returns a float, NaN if it is not defined."""

    better: Better


METHODS: dict[str, Method] = {}
ATTACKS: dict[str, AttackMethod] = {}
METRICS: dict[str, Metric] = {}


def method(
    label: str, *, paper: str, needs: Iterable[str] = (), additive: bool = False
) -> Callable[[Function], Function]:
    """Register the decorated function as a Method.

    `needs` names the parts of a Problem that the method uses; `additive` states that scores sum to F(x) - F(x').
    """

    def register(function: Function) -> Function:
        key = function.__name__
        METHODS[key] = Method(key, label, paper, function, frozenset(needs), additive, list_params(function))
        return function

    return register


def attack(label: str, *, paper: str, keeps: bool = False) -> Callable[[Function], Function]:
    """Register the decorated function as an AttackMethod."""

    def register(function: Function) -> Function:
        key = function.__name__
        ATTACKS[key] = AttackMethod(key, label, paper, function, keeps, list_params(function))
        return function

    return register


def metric(label: str, *, paper: str, better: Better) -> Callable[[Function], Function]:
    """Register the decorated function as a Metric."""

    def register(function: Function) -> Function:
        METRICS[function.__name__] = Metric(function.__name__, label, paper, function, better)
        return function

    return register


def import_modules(package: str) -> list[ModuleType]:
    """Import every module of a package, in alphabetical order, so that what they register is known."""
    return [import_module(f"{package}.{found.name}") for found in iter_modules(import_module(package).__path__)]
