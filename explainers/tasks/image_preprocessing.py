"""Turn an image into the pixel values that an image model reads, measure where they lie in it, and make baselines.

The geometry is measured with images whose pixel values encode their position; the names of the processor's settings
are not trusted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..errors import Incompatible
from ..inputs.images import decode_with_notices
from ..models.loading import Bundle
from ..models.probes.vision import PIXELS, process_image, read_dtype, read_mode
from ..request import Picture
from ..results.explanation import Pixels
from ._scores import UnitParam

GREY_NOTICE = "The model reads grey images, so the colours of this one are left out."
BLUR_SHARE = 1 / 20  # standard deviation of the blurred baseline, as a share of the longer side
EDGE_TOLERANCE = 0.005  # as a share of a side: a ramp has only 256 levels
Frame = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class ImageParams:
    """The settings of a task on images. The baseline is only for methods that need one."""

    unit: UnitParam = "probability"
    baseline: Annotated[
        Literal["grey", "black", "white", "blurred", "mean"],
        "Baseline: a grey image (the model's zero), black, white, the image itself blurred, or its mean colour.",
    ] = "grey"


@dataclass(frozen=True)
class ImageInputs:
    """A model's inputs for an image by name, with pixels (1, C, H, W), and a black and a white image of that shape.

    `frame` is the part (left, top, right, bottom) of the image that the pixels cover, as shares of its sides.
    """

    inputs: dict[str, Tensor]
    black: Tensor
    white: Tensor
    frame: Frame
    notices: tuple[str, ...] = ()

    @property
    def pixels(self) -> Tensor:
        """Return the pixel values that the model reads, (1, C, H, W)."""
        return self.inputs[PIXELS]

    @property
    def features(self) -> Pixels:
        """Return a feature for each pixel value."""
        channels, rows, columns = self.pixels.shape[1:]
        return Pixels("image", channels, rows, columns)

    def batch(self, points: Tensor) -> dict[str, Tensor]:
        """Return the inputs with other pixel values: points (B, F, 1)."""
        rest = {name: tensor.expand(len(points), *tensor.shape[1:]) for name, tensor in self.inputs.items()}
        return rest | {PIXELS: points.reshape(-1, *self.pixels.shape[1:])}  # (B, C, H, W)


def read_image(bundle: Bundle, picture: Picture, most_megabytes: int = 20) -> ImageInputs:
    """Decode a picture and process it for the bundle's model; notices say where transformers' pipeline differs."""
    if bundle.processor is None:
        raise Incompatible(f"{bundle.card.label} has no image processor, so it cannot read images.")
    image, notices = decode_with_notices(picture, most_megabytes)
    mode = read_mode(bundle.model, bundle.card.label)
    if mode == "L" and image.tobytes() != image.convert("L").convert("RGB").tobytes():
        notices += (GREY_NOTICE,)
    inputs = preprocess(bundle.processor, image.convert(mode), bundle.card.label, read_dtype(bundle.model))
    return replace(inputs, notices=notices)


def preprocess(processor: Any, image: Image.Image, label: str, dtype: torch.dtype = torch.float32) -> ImageInputs:
    """Process an upright picture in the mode and for the type of weights of a model. Incompatible if that fails."""
    inputs = process_image(processor, image, label, dtype)

    def process_grey(grey: NDArray[Any]) -> Tensor:
        """Return the pixel values (1, C, H, W) of a grey image (height, width)."""
        picture = Image.fromarray(grey.astype(np.uint8)).convert(image.mode)
        return process_image(processor, picture, label, dtype)[PIXELS]

    black, white = (process_grey(np.full((image.height, image.width), level)) for level in (0, 255))
    return ImageInputs(inputs, black, white, _measure_frame(process_grey, image.size, black.float(), white.float()))


def _measure_frame(
    process_grey: Callable[[NDArray[Any]], Tensor], size: tuple[int, int], black: Tensor, white: Tensor
) -> Frame:
    """Measure where the model's pixels lie in an image of `size`, with a ramp to the right and a ramp downwards."""
    width, height = size
    across, down = ((np.arange(side) + 0.5) / side * 255 for side in size)
    ramps = (np.tile(across.round(), (height, 1)), np.tile(down.round()[:, None], (1, width)))
    dark, spread = black[0, 0].numpy(), (white - black)[0, 0].numpy()  # (H, W); the spread is 0 in padding
    inside = spread > spread.max() / 2
    values = [process_grey(ramp)[0, 0].float().numpy() for ramp in ramps]
    shares = [np.where(inside, (ramp - dark) / np.where(inside, spread, 1.0), 0.0) for ramp in values]  # along the ramp
    means = [share.sum(axis) / inside.sum(axis).clip(min=1) for axis, share in enumerate(shares)]  # (W,) and (H,)
    (left, right), (top, bottom) = (_fit_ends(mean, inside.any(axis)) for axis, mean in enumerate(means))
    return left, top, right, bottom


def _fit_ends(shares: NDArray[Any], inside: NDArray[Any]) -> tuple[float, float]:
    """Fit a line through the shares inside, without their bent ends; return its start and end."""
    low, high = shares[inside].min(), shares[inside].max()
    middle = inside & (np.abs(shares - (low + high) / 2) <= 0.4 * (high - low))
    at = np.flatnonzero(middle)
    if len(at) < 2 or high <= low:  # an image of one or two pixels
        return 0.0, 1.0
    slope, offset = np.polyfit(at + 0.5, shares[at], 1)
    return _snap_to_edge(float(offset)), _snap_to_edge(float(slope * len(shares) + offset))


def _snap_to_edge(share: float) -> float:
    """Return 0 or 1 for a share that is within EDGE_TOLERANCE of it, else the share rounded to four digits."""
    return next((edge for edge in (0.0, 1.0) if abs(share - edge) < EDGE_TOLERANCE), round(share, 4))


def make_baseline(image: ImageInputs, kind: str) -> Tensor:
    """Return the baseline's pixel values, (1, C, H, W)."""
    match kind:
        case "black":
            return image.black
        case "white":
            return image.white
        case "blurred":
            return blur(image.pixels, BLUR_SHARE * max(image.pixels.shape[2:]))
        case "mean":
            return image.pixels.mean((2, 3), keepdim=True).expand_as(image.pixels)
        case _:
            return torch.zeros_like(image.pixels)


def blur(pixels: Tensor, deviation: float) -> Tensor:
    """Blur pixels (1, C, H, W) with a Gaussian of this standard deviation; edge pixels are repeated outwards."""
    reach = max(1, round(3 * deviation))
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / deviation) ** 2)
    weights = (weights / weights.sum()).to(pixels)
    for kernel, pad in ((weights[:, None], (0, 0, reach, reach)), (weights[None], (reach, reach, 0, 0))):
        wide = torch.nn.functional.pad(pixels, pad, mode="replicate")
        each = kernel.expand(pixels.shape[1], 1, *kernel.shape)
        pixels = torch.nn.functional.conv2d(wide, each, groups=pixels.shape[1])
    return pixels
