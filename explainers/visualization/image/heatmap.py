"""The map of an image as numbers: its channels summed, one sign chosen, outliers cut, and the colours it gets.

Rows run down, columns to the right, as the model reads them.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...errors import BadRequest
from ...results.explanation import WHOLE, Explanation, Floats, Numbers, sum_channels
from ..palette import AWAY, INK, OVERLAY_OPACITY, PAPER, TOWARDS, split_rgb

Kind = Literal["heatmap", "overlay", "masked_image", "alpha_scaling"]
Sign = Literal["all", "positive", "negative", "absolute"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SIGNS: tuple[Sign, ...] = get_args(Sign)
Frame = tuple[float, float, float, float]
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels
Colour = tuple[int, int, int, float]  # red, green, blue, opacity 0 to 1


@dataclass(frozen=True)
class Look:
    """How a map is drawn: which of the four pictures, which signs, and the share of all credit beyond full colour.

    `original`: on the picture as it was given, else on the pixels that the model reads.
    """

    kind: Kind = "overlay"
    sign: Sign = "all"
    outlier_threshold: float = 0.1
    original: bool = True
    side_by_side: bool = False

    def __post_init__(self) -> None:
        for name, value, right in (("view", self.kind, KINDS), ("sign", self.sign, SIGNS)):
            if value not in right:
                raise BadRequest(f"There is no {name} {value!r}. Give one of {', '.join(right)}.")
        if not 0 <= self.outlier_threshold < 1:
            raise BadRequest(f"The outlier threshold {self.outlier_threshold} is not a share from 0 to below 1.")


def locate_frame(frame: Frame | None, size: tuple[int, int]) -> Box:
    """The pixels of an upright picture of `size` (width, height) that a map with this frame covers."""
    left, top, right, bottom = frame or WHOLE
    width, height = size
    return round(left * width), round(top * height), round(right * width), round(bottom * height)


def select_sign(values: Floats, sign: Sign) -> Floats:
    """The values with those of the other sign at 0, or all of them without their signs."""
    match sign:
        case "positive":
            return values.clip(min=0)
        case "negative":
            return values.clip(max=0)
        case "absolute":
            return np.abs(values)
        case _:
            return values


def find_limit(values: Numbers, outlier_threshold: float) -> float:
    """The strength from which on a colour is full: all above it hold that share of all credit, as in Captum."""
    ordered = np.sort(np.abs(values), axis=None).astype(np.float64)
    heaped = ordered.cumsum()
    if not heaped[-1]:
        return 0.0
    return float(ordered[np.searchsorted(heaped, heaped[-1] * (1 - outlier_threshold))])


def compute_strengths(explanation: Explanation, look: Look, row: int = 0) -> Numbers:
    """The map with the look's signs, −1 to 1, (rows, columns)."""
    values = select_sign(sum_channels(explanation, row), look.sign)
    full = find_limit(values, look.outlier_threshold)
    return (values / full).clip(-1, 1) if full else np.zeros_like(values)


def list_colour_stops(kind: Kind) -> tuple[tuple[float, Colour], ...]:
    """The colours of a view at −1, just below 0, just above 0, and 1: what is laid over paper or photograph."""
    towards, away = split_rgb(TOWARDS["light"]), split_rgb(AWAY["light"])
    ends: dict[Kind, tuple[Colour, Colour, Colour, Colour]] = {
        "heatmap": ((*away, 1), (*PAPER, 1), (*PAPER, 1), (*towards, 1)),
        "overlay": ((*away, OVERLAY_OPACITY), (*away, 0), (*towards, 0), (*towards, OVERLAY_OPACITY)),
        "masked_image": ((*INK, 0), (*INK, 1), (*INK, 1), (*INK, 0)),
        "alpha_scaling": ((*PAPER, 0), (*PAPER, 1), (*PAPER, 1), (*PAPER, 0)),
    }
    return tuple(zip((-1.0, 0.0, 0.0, 1.0), ends[kind], strict=True))


def render_layer(strengths: Numbers, kind: Kind) -> NDArray[np.uint8]:
    """What a view lays over its background, (rows, columns, 4)."""
    (_, lowest), (_, below), (_, above), (_, highest) = list_colour_stops(kind)
    share = np.abs(strengths)[..., None]
    low, high = (near + share * (np.subtract(end, near)) for near, end in ((below, lowest), (above, highest)))
    mixed: NDArray[Any] = np.where(strengths[..., None] < 0, low, high)
    mixed[..., 3] *= 255
    return mixed.round().astype(np.uint8)
