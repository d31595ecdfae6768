"""A prediction and its explanation: Feature, Prediction, Explanation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, overload

import numpy as np
from numpy.typing import NDArray

from ..request import Pairs, Request, Target
from .granularity import find_groups, gather, list_word_keys

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating[Any]]
Steps = tuple[tuple[str, tuple[float, ...]], ...]  # finite numbers by name, one per target
Segments = tuple[tuple[str, int, int, str], ...]  # field, start, end, and role: system, user…
Kind = Literal["text", "image", "generation"]
NEGLIGIBLE_CHANGE = 0.01  # relative change below which F(x) − F(x') is too small to normalise an error by
WHOLE = (0.0, 0.0, 1.0, 1.0)  # the frame of a heatmap that covers the whole image


@dataclass(frozen=True)
class Feature:
    """A part of an input that gets a score: a token, a word or an image patch.

    `start, end` are characters in the input called `field`, None for special or generated tokens; `word` and
    `sentence` are indices in that input, None for special tokens.
    """

    text: str
    field: str
    start: int | None = None
    end: int | None = None
    word: int | None = None
    special: bool = False
    sentence: int | None = None


@dataclass(frozen=True)
class Pixels(Sequence[Feature]):
    """The pixels of an image as features, channel by channel and row by row, each created on access."""

    field: str
    channels: int
    rows: int
    columns: int

    def __len__(self) -> int:
        return self.channels * self.rows * self.columns

    @overload
    def __getitem__(self, place: int) -> Feature: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Feature, ...]: ...
    def __getitem__(self, place: int | slice) -> Feature | tuple[Feature, ...]:
        if isinstance(place, slice):
            return tuple(self[i] for i in range(len(self))[place])
        channel, pixel = divmod(range(len(self))[place], self.rows * self.columns)
        row, column = divmod(pixel, self.columns)
        return Feature(f"row {row}, column {column}, channel {channel}", self.field)


@dataclass(frozen=True)
class InputLayout:
    """The texts, grid, frame and segments that features refer to, as in Explanation."""

    texts: Pairs = ()
    grid: tuple[int, int] | None = None
    frame: tuple[float, float, float, float] | None = None
    segments: Segments = ()


@dataclass(frozen=True)
class Prediction:
    """A model's output: every label with its probability, best first, and the generated or answered `text`, if any.

    For a generated text, `targets` are its tokens in order, and `alternatives` lists for each the most probable tokens
    at its place, best first.
    """

    targets: tuple[Target, ...]
    text: str = ""
    alternatives: tuple[tuple[Target, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class Explanation:
    """The scores of F features for T targets, with all that is needed to check, render and reproduce them.

    `scores` (T, F) are raw, in `unit`; NaN = that feature was not visible to that target. `values` (T,) = F(x) and
    `baselines` (T,) = F(x'), None for a method without a baseline. `converged` (T,) is None for a method without a
    convergence criterion; `spread` (T, F) is the standard error of sampled scores, None if nothing was sampled.
    `mismatch` is the largest difference between the explained output and that of the model's plain forward pass;
    `evaluations` counts (forward, backward) passes of one input each. `texts` are the texts of the features' fields,
    if they are not the request's. An image has a `grid` (rows, columns), which covers the `frame` (left, top, right,
    bottom) of the upright image, in shares of its sides; a frame that exceeds the image includes padding.
    `steps` are the step scores of each target by name; `segments` give the role of a part of a text: system, user or
    assistant. `kind` selects the renderer: a text, an image, or a generation, whose targets are generated tokens, each
    at its own `position` among the features and visible to later ones only.
    """

    request: Request
    features: Sequence[Feature]
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
    texts: Pairs = ()
    grid: tuple[int, int] | None = None
    frame: tuple[float, float, float, float] | None = None
    steps: Steps = ()
    segments: Segments = ()
    spread: Floats | None = None
    kind: Kind = "text"

    def __post_init__(self) -> None:
        shape = (len(self.targets), len(self.features))
        if self.scores.shape != shape:
            raise ValueError(f"scores are {self.scores.shape}, targets and features make {shape}")
        if self.spread is not None and self.spread.shape != shape:
            raise ValueError(f"spread is {self.spread.shape}, targets and features make {shape}")
        for name in ("values", "baselines"):
            array = getattr(self, name)
            if array is not None and array.shape != shape[:1]:
                raise ValueError(f"{name} are {array.shape}, targets make {shape[:1]}")
        if self.kind not in get_args(Kind) or (self.grid is None) == (self.kind == "image"):
            raise ValueError(
                f"an explanation of kind {self.kind!r} has the grid {self.grid}: an image has one, no other"
            )
        if self.grid is not None and (
            len(self.grid) != 2 or min(self.grid) < 1 or shape[1] % (self.grid[0] * self.grid[1])
        ):
            raise ValueError(f"{shape[1]} features do not fill a grid of {self.grid}")
        for name, numbers in self.steps:
            if len(numbers) != shape[0]:
                raise ValueError(f"{name} has {len(numbers)} numbers, targets make {shape[:1]}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Explanation):
            return NotImplemented
        return all(_are_equal(getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__)

    __hash__ = None  # type: ignore[assignment]

    @property
    def delta(self) -> Floats | None:
        """Convergence delta, (T,): sum of scores − (F(x) − F(x')), in `unit`; None if the method is not additive."""
        if self.baselines is None or not self.additive:
            return None
        return np.asarray(np.nansum(self.scores, axis=1) - (self.values - self.baselines), dtype=np.float32)

    @property
    def relative_error(self) -> Floats | None:
        """|delta| as a share of the explained change, (T,); None if the method is not additive."""
        delta = self.delta
        if delta is None or self.baselines is None:
            return None
        return np.asarray(np.abs(delta) / measure_change(self.values, self.baselines), dtype=np.float32)

    @property
    def relative_spread(self) -> Floats | None:
        """Sum of all standard errors as a share of the sum of absolute scores, (T,); None if nothing was sampled."""
        if self.spread is None:
            return None
        sizes = np.nansum(np.abs(self.scores), axis=1, dtype=np.float64)
        errors = np.nansum(self.spread, axis=1, dtype=np.float64)
        return (errors / np.maximum(sizes, np.finfo(np.float32).tiny)).astype(np.float32)

    @property
    def source_texts(self) -> dict[str, str]:
        """The texts that the features refer to, by field."""
        return dict(self.texts) or self.request.texts

    @property
    def tokens(self) -> tuple[str, ...]:
        """The text of each feature."""
        return tuple(feature.text for feature in self.features)

    def pairs(self, row: int = 0) -> list[tuple[str, float]]:
        """Return each feature's text with its score for target `row`."""
        return [(text, float(score)) for text, score in zip(self.tokens, self.scores[row], strict=True)]

    def by_word(self) -> "Explanation":
        """Return the explanation with the tokens of each word summed into one feature; an image stays as it is."""
        return self if self.kind == "image" else gather(self, find_groups(list_word_keys(self.features)))


def measure_change(values: Numbers, baselines: Numbers) -> Numbers:
    """Return the normaliser of a convergence delta, (T,): |F(x) − F(x')|, or the larger of both if nearly equal."""
    difference, size = np.abs(values - baselines), np.maximum(np.abs(values), np.abs(baselines))
    return np.maximum(np.where(difference > NEGLIGIBLE_CHANGE * size, difference, size), np.finfo(np.float32).tiny)


def _are_equal(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    return type(one) is type(other) and one == other


def sum_channels(explanation: Explanation, row: int = 0) -> Floats:
    """Sum the scores of target `row` over the channels of each pixel, (rows, columns)."""
    grid = explanation.grid or (1, len(explanation.features))
    total: Floats = np.nan_to_num(explanation.scores[row]).reshape(-1, *grid).sum(0)
    return total
