"""From a picture to the pixel values that an image model reads, where they lie in it, and what to compare with.

Knows no task and no method. The geometry is measured by giving the processor pictures whose pixels say where they are,
not by trusting the names of its settings.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..errors import Incompatible
from ..results.explanation import Pixels
from ._scores import Unit

PIXELS = "pixel_values"
BLUR_SHARE = 1 / 20  # standard deviation of the blurred baseline, as a share of the longer side
EDGE_TOLERANCE = 0.005  # of a side: the ramps have 256 steps, and so have their shrunk copies
Frame = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class ImageParams:
    """The settings of a task on images; methods that need no baseline do not see its second."""

    unit: Annotated[Unit, "The number that is explained."] = "probability"
    baseline: Annotated[
        Literal["grey", "black", "white", "blurred", "mean"],
        "What the picture is compared with: the model's zero, which is a grey, black, white, the picture itself out "
        "of focus, or its own mean colour.",
    ] = "grey"


@dataclass(frozen=True)
class ImageInputs:
    """A picture as a model gets it: its inputs by name, (1, C, H, W) among them, and black and white of that shape.

    `frame` is the part (left, top, right, bottom) of the picture that they cover, in shares of its sides.
    """

    inputs: dict[str, Tensor]
    black: Tensor
    white: Tensor
    frame: Frame

    @property
    def pixels(self) -> Tensor:
        """What the model reads, (1, C, H, W)."""
        return self.inputs[PIXELS]

    @property
    def features(self) -> Pixels:
        """Each of its values as a feature."""
        channels, rows, columns = self.pixels.shape[1:]
        return Pixels("image", channels, rows, columns)

    def batch(self, points: Tensor) -> dict[str, Tensor]:
        """The inputs with other pixels: points (B, F, 1)."""
        rest = {name: tensor.expand(len(points), *tensor.shape[1:]) for name, tensor in self.inputs.items()}
        return rest | {PIXELS: points.reshape(-1, *self.pixels.shape[1:])}  # (B, C, H, W)


def preprocess(processor: Any, image: Image.Image, label: str) -> ImageInputs:
    """An upright RGB picture as the model gets it. Raises Incompatible for a processor of anything but one picture."""
    inputs = dict(processor(images=image, return_tensors="pt"))
    pixels = inputs.get(PIXELS)
    if not isinstance(pixels, Tensor) or pixels.dim() != 4 or len(pixels) != 1:
        raise Incompatible(f"The image processor of {label} does not make one picture of pixels out of one picture.")
    black, white = (_process_grey(processor, np.full((image.height, image.width), level)) for level in (0, 255))
    return ImageInputs(inputs, black, white, _measure_frame(processor, image.size, black, white))


def _process_grey(processor: Any, grey: NDArray[Any]) -> Tensor:
    """The pixel values of a grey picture (height, width)."""
    picture = Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    found: Tensor = processor(images=picture, return_tensors="pt")[PIXELS]
    return found


def _measure_frame(processor: Any, size: tuple[int, int], black: Tensor, white: Tensor) -> Frame:
    """Where the model's pixels lie in a picture of `size`: two ramps tell, one to the right and one downwards."""
    width, height = size
    across, down = ((np.arange(side) + 0.5) / side * 255 for side in size)
    ramps = (np.tile(across.round(), (height, 1)), np.tile(down.round()[:, None], (1, width)))
    spread = (white - black)[0, 0].numpy()  # (H, W), 0 where the processor pads
    inside = spread > spread.max() / 2
    places = [
        _locate_pixels(_process_grey(processor, ramp)[0, 0].numpy(), black[0, 0].numpy(), spread, inside)
        for ramp in ramps
    ]
    (left, right), (top, bottom) = (
        _fit_ends(place, inside.any(axis)) for axis, place in enumerate(_average_positions(places, inside))
    )
    return left, top, right, bottom


def _locate_pixels(ramp: NDArray[Any], black: NDArray[Any], spread: NDArray[Any], inside: NDArray[Any]) -> NDArray[Any]:
    """Which share of the way each of the model's pixels is from, (H, W)."""
    return np.where(inside, (ramp - black) / np.where(inside, spread, 1.0), 0.0)


def _average_positions(places: list[NDArray[Any]], inside: NDArray[Any]) -> list[NDArray[Any]]:
    """Shares by column of the ramp from left to right, and by row of that from top to bottom."""
    return [place.sum(axis) / inside.sum(axis).clip(min=1) for axis, place in enumerate(places)]


def _fit_ends(shares: NDArray[Any], inside: NDArray[Any]) -> tuple[float, float]:
    """Where the first pixel begins and the last ends, by a line through what is inside, its bent ends left out."""
    low, high = shares[inside].min(), shares[inside].max()
    middle = inside & (np.abs(shares - (low + high) / 2) <= 0.4 * (high - low))
    at = np.flatnonzero(middle)
    if len(at) < 2 or high <= low:  # a picture of a pixel or two
        return 0.0, 1.0
    slope, offset = np.polyfit(at + 0.5, shares[at], 1)
    return _snap_to_edge(float(offset)), _snap_to_edge(float(slope * len(shares) + offset))


def _snap_to_edge(share: float) -> float:
    """A share to four digits; one that is an edge but for rounding is that edge."""
    return next((edge for edge in (0.0, 1.0) if abs(share - edge) < EDGE_TOLERANCE), round(share, 4))


def make_baseline(seen: ImageInputs, kind: str) -> Tensor:
    """The picture (1, C, H, W) that the own one is compared with."""
    match kind:
        case "black":
            return seen.black
        case "white":
            return seen.white
        case "blurred":
            return blur(seen.pixels, BLUR_SHARE * max(seen.pixels.shape[2:]))
        case "mean":
            return seen.pixels.mean((2, 3), keepdim=True).expand_as(seen.pixels)
        case _:
            return torch.zeros_like(seen.pixels)


def blur(pixels: Tensor, deviation: float) -> Tensor:
    """The pixels (1, C, H, W) out of focus by a Gaussian; beyond the edges the picture goes on as it ends."""
    reach = max(1, round(3 * deviation))
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / deviation) ** 2)
    weights = (weights / weights.sum()).to(pixels)
    for kernel, pad in ((weights[:, None], (0, 0, reach, reach)), (weights[None], (reach, reach, 0, 0))):
        wide = torch.nn.functional.pad(pixels, pad, mode="replicate")
        each = kernel.expand(pixels.shape[1], 1, *kernel.shape)
        pixels = torch.nn.functional.conv2d(wide, each, groups=pixels.shape[1])
    return pixels
