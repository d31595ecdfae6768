"""An image's scores as a heatmap: channels summed, signs selected, outliers clipped, and colours assigned.

Arrays are (rows, columns): rows run down, columns to the right.
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
    """How a heatmap is drawn: the kind of view, the signs, and the share of all scores beyond full colour.

    With `original` it lies on the image as given, else on the pixels that the model reads.
    """

    kind: Kind = "overlay"
    sign: Sign = "all"
    outlier_threshold: float = 0.1
    original: bool = True
    side_by_side: bool = False

    def __post_init__(self) -> None:
        for name, value, allowed in (("view", self.kind, KINDS), ("sign", self.sign, SIGNS)):
            if value not in allowed:
                raise BadRequest(f"There is no {name} {value!r}. Give one of {', '.join(allowed)}.")
        if not 0 <= self.outlier_threshold < 1:
            raise BadRequest(f"The outlier threshold {self.outlier_threshold} is not a share from 0 to below 1.")


def locate_frame(frame: Frame | None, size: tuple[int, int]) -> Box:
    """Return the box, in pixels, that a frame covers of an upright image of `size` (width, height)."""
    left, top, right, bottom = frame or WHOLE
    width, height = size
    return round(left * width), round(top * height), round(right * width), round(bottom * height)


def select_sign(values: Floats, sign: Sign) -> Floats:
    """Return the values with those of the other sign set to 0, or the absolute values."""
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
    """Return the absolute score with full colour: larger ones hold `outlier_threshold` of the sum, as in Captum."""
    ordered = np.sort(np.abs(values), axis=None).astype(np.float64)
    cumulative = ordered.cumsum()
    if not cumulative[-1]:
        return 0.0
    return float(ordered[np.searchsorted(cumulative, cumulative[-1] * (1 - outlier_threshold))])


def compute_strengths(explanation: Explanation, look: Look, row: int = 0) -> Numbers:
    """Compute the scores with the look's signs as shares of the limit, −1 to 1, (rows, columns)."""
    values = select_sign(sum_channels(explanation, row), look.sign)
    full = find_limit(values, look.outlier_threshold)
    return (values / full).clip(-1, 1) if full else np.zeros_like(values)


def list_colour_stops(kind: Kind) -> tuple[tuple[float, Colour], ...]:
    """Return the overlay colours of a view at −1, just below 0, just above 0, and 1."""
    towards, away = split_rgb(TOWARDS["light"]), split_rgb(AWAY["light"])
    ends: dict[Kind, tuple[Colour, Colour, Colour, Colour]] = {
        "heatmap": ((*away, 1), (*PAPER, 1), (*PAPER, 1), (*towards, 1)),
        "overlay": ((*away, OVERLAY_OPACITY), (*away, 0), (*towards, 0), (*towards, OVERLAY_OPACITY)),
        "masked_image": ((*INK, 0), (*INK, 1), (*INK, 1), (*INK, 0)),
        "alpha_scaling": ((*PAPER, 0), (*PAPER, 1), (*PAPER, 1), (*PAPER, 0)),
    }
    return tuple(zip((-1.0, 0.0, 0.0, 1.0), ends[kind], strict=True))


def render_layer(strengths: Numbers, kind: Kind) -> NDArray[np.uint8]:
    """Render strengths as the RGBA overlay of a view, (rows, columns, 4)."""
    (_, lowest), (_, below), (_, above), (_, highest) = list_colour_stops(kind)
    share = np.abs(strengths)[..., None]
    low, high = (near + share * (np.subtract(end, near)) for near, end in ((below, lowest), (above, highest)))
    mixed: NDArray[Any] = np.where(strengths[..., None] < 0, low, high)
    mixed[..., 3] *= 255
    return mixed.round().astype(np.uint8)
