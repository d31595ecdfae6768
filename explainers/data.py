"""The nouns that pages, views and files share: Request, Target, Feature, Explanation and their kin.

Knows numpy only: no torch, no Streamlit, no model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import BadRequest
from .links import INPUT, PACKED, unpacked

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating[Any]]
Pairs = tuple[tuple[str, str], ...]
Progress = Callable[[str, float], None]  # what is being done, and how much of it, 0 to 1; may raise to stop it
LITTLE = 0.01  # of a number's size: a change below is no measure for an error
NOT_PARAMS = {"task", "model", "method", "target", "index", "foil", "seed", PACKED}


@dataclass(frozen=True)
class Feature:
    """One thing that gets a score: a token, a word or an image patch.

    `start, end` are characters in the input called `field`, None for special or generated tokens; `word` is the
    index of its word in that input, None for special tokens.
    """

    text: str
    field: str
    start: int | None = None
    end: int | None = None
    word: int | None = None
    special: bool = False


@dataclass(frozen=True)
class Target:
    """What is explained: a class by `label` or `index`, read out at `position`, against a `foil` if there is one."""

    label: str | None = None
    index: int | None = None
    position: int | None = None
    foil: str | None = None
    probability: float | None = None

    @classmethod
    def of(cls, value: "Target | str | int | None") -> "Target":
        """A Target from what a person writes: nothing (the predicted class), a label, or an index."""
        match value:
            case Target():
                return value
            case int():
                return cls(index=value)
            case str() if value:
                return cls(label=value)
            case _:
                return cls()


@dataclass(frozen=True)
class Request:
    """One question, whole and hashable: the cache key, the permalink and the header of a file.

    `inputs` and `params` are given as mappings and kept as tuples of pairs of strings, params by name; `target` is
    given as a Target, a label, an index, or None for the predicted class.
    """

    task: str
    model: str
    inputs: Mapping[str, str] | Pairs
    method: str = "integrated_gradients"
    target: Target = field(default_factory=Target)
    params: Mapping[str, object] | Pairs = ()
    seed: int = 0

    def __post_init__(self) -> None:
        inputs = tuple((str(name), text) for name, text in dict(self.inputs).items())
        params = tuple(sorted((str(name), _written(value)) for name, value in dict(self.params).items()))
        if wrong := [name for name, text in inputs if not isinstance(text, str)]:
            raise BadRequest(f"The input {wrong[0]!r} is not text. Give a string.")
        if clash := NOT_PARAMS & {name for name, _ in params}:
            raise BadRequest(f"{sorted(clash)[0]!r} is a part of the request itself, not a setting of its method.")
        if not 0 <= self.seed < 1_000_000_000:
            raise BadRequest(f"The seed {self.seed} is not a whole number from 0 to 999,999,999.")
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "params", params)
        object.__setattr__(self, "target", Target.of(self.target))

    @property
    def texts(self) -> dict[str, str]:
        """The inputs by name."""
        return dict(dict(self.inputs))

    @property
    def options(self) -> dict[str, str]:
        """The settings by name, as text."""
        return {name: str(text) for name, text in dict(self.params).items()}

    def to_query(self) -> dict[str, str]:
        """The request as flat text, nothing left out; values that are the default are not named."""
        query = {
            "task": self.task,
            "model": self.model,
            "method": self.method,
            "target": self.target.label or "",
            "index": "" if self.target.index is None else str(self.target.index),
            "foil": self.target.foil or "",
            "seed": str(self.seed) if self.seed else "",
        }
        named = {name: value for name, value in query.items() if value}
        return named | self.options | {INPUT + name: text for name, text in self.texts.items()}

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Request":
        """The request that `to_query` wrote, packed or not. Raises BadRequest for what it cannot read."""
        query = unpacked(query)
        return cls(
            task=query.get("task", ""),
            model=query.get("model", ""),
            method=query.get("method", cls.method),
            inputs={name[len(INPUT) :]: text for name, text in query.items() if name.startswith(INPUT)},
            target=Target(
                label=query.get("target") or None,
                index=_whole("index", query["index"]) if query.get("index") else None,
                foil=query.get("foil") or None,
            ),
            params={k: v for k, v in query.items() if k not in NOT_PARAMS and not k.startswith(INPUT)},
            seed=_whole("seed", query.get("seed") or "0"),
        )


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadRequest(f"The {name} {text[:20]!r} is not a whole number from 0 to 999,999,999.")
    return int(text)


def _written(value: object) -> str:
    """A setting as text, the same for equal values: 1e-3 and "0.001" are one setting."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value).removesuffix(".0")
        case int() | str():
            return str(value)
        case _:
            raise BadRequest(f"A setting is text, a number, true or false, not {value!r}.")


@dataclass(frozen=True)
class Prediction:
    """What the model says: every label with its probability, best first; `text` if it wrote or answered any."""

    targets: tuple[Target, ...]
    text: str = ""


@dataclass(frozen=True, eq=False)
class Explanation:
    """The scores of F features for T targets, and what is needed to check, draw and repeat them.

    `scores` (T, F) are raw, in `unit`; NaN = that feature was not visible to that target. `values` (T,) = F(x) and
    `baselines` (T,) = F(x'), None for a method that has no baseline. `converged` (T,) is None for a method that does
    not converge to anything. `mismatch` is the largest difference between the probabilities explained and those of
    the model's own forward pass; `evaluations` counts (forward, backward) passes of one input each.
    """

    request: Request
    features: tuple[Feature, ...]
    targets: tuple[Target, ...]
    scores: Floats
    values: Floats
    baselines: Floats | None
    unit: str
    signed: bool
    additive: bool
    prediction: Prediction
    converged: tuple[bool, ...] | None = None
    mismatch: float = 0.0
    evaluations: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    notices: tuple[str, ...] = ()
    about: Pairs = ()
    grid: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.targets), len(self.features))
        if self.scores.shape != shape:
            raise ValueError(f"scores are {self.scores.shape}, targets and features make {shape}")
        for name in ("values", "baselines"):
            array = getattr(self, name)
            if array is not None and array.shape != shape[:1]:
                raise ValueError(f"{name} are {array.shape}, targets make {shape[:1]}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Explanation):
            return NotImplemented
        return all(_same(getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__)

    __hash__ = None  # type: ignore[assignment]

    @property
    def delta(self) -> Floats | None:
        """Sum of scores minus F(x) - F(x'), (T,), in the score's unit; None where the method promises no sum."""
        if self.baselines is None or not self.additive:
            return None
        return np.asarray(np.nansum(self.scores, axis=1) - (self.values - self.baselines), dtype=np.float32)

    @property
    def relative_error(self) -> Floats | None:
        """|delta| as a share of the change that is explained, (T,); None where the method promises no sum."""
        delta = self.delta
        if delta is None or self.baselines is None:
            return None
        return np.asarray(np.abs(delta) / change(self.values, self.baselines), dtype=np.float32)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The text of each feature."""
        return tuple(feature.text for feature in self.features)

    def pairs(self, row: int = 0) -> list[tuple[str, float]]:
        """Each feature's text with its score for target `row`."""
        return [(text, float(score)) for text, score in zip(self.tokens, self.scores[row], strict=True)]

    def by_word(self) -> "Explanation":
        """The same explanation with the tokens of a word as one feature, their scores added up."""
        groups = [list(group) for _, group in groupby(range(len(self.features)), key=self._word)]
        columns = [_visible_sum(self.scores[:, group]) for group in groups]
        return replace(
            self,
            features=tuple(self._joined([self.features[i] for i in group]) for group in groups),
            scores=np.stack(columns, axis=1) if columns else self.scores,
        )

    def _word(self, position: int) -> tuple[str, int | None, int]:
        feature = self.features[position]
        return feature.field, feature.word, position if feature.word is None else -1

    def _joined(self, features: list[Feature]) -> Feature:
        first, last = features[0], features[-1]
        if first.start is None or last.end is None:
            return first
        text = self.request.texts.get(first.field, "")[first.start : last.end]
        return replace(first, text=text, end=last.end)


def change(values: Numbers, baselines: Numbers) -> Numbers:
    """What a completeness error is a share of, (T,): |F(x) - F(x')|, or the larger of both if near equal."""
    difference, size = np.abs(values - baselines), np.maximum(np.abs(values), np.abs(baselines))
    return np.maximum(np.where(difference > LITTLE * size, difference, size), np.finfo(np.float32).tiny)


def _visible_sum(scores: Floats) -> Floats:
    """Sum over features, (T,), NaN only where none was visible."""
    hidden = np.isnan(scores).all(axis=1)
    return np.where(hidden, np.float32(np.nan), np.nansum(scores, axis=1)).astype(np.float32)


def _same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    return type(one) is type(other) and one == other
