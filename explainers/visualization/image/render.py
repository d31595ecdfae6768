"""A heatmap drawn on its image by Pillow, in the image's own size, to download."""

import base64
import io

from PIL import Image

from ...inputs.images import decode, find_example
from ...request import Picture
from ...results.explanation import Explanation
from ..palette import PAPER, VEIL
from .heatmap import Box, Frame, Kind, Look, compute_strengths, locate_frame, render_layer

GAP = 8  # pixels between two images
MOST_MEGABYTES = 1_000  # an image that was explained has passed the server's own limit


def find_picture(explanation: Explanation) -> Picture | None:
    """Return the explained image; None if its bytes are not available, as in a file about an upload."""
    picture = next(iter(explanation.request.pictures.values()), None)
    return picture if picture is None or picture.data else find_example(picture.sha256)


def make_background(picture: Picture, grid: tuple[int, int], frame: Frame | None, original: bool) -> Image.Image:
    """Return the upright image, or the part of it that the model reads in the model's size."""
    image = decode(picture, MOST_MEGABYTES)
    if original:
        return image
    part = image.crop(locate_frame(frame, image.size))  # Pillow pads with black, as processors do
    return part.resize((grid[1], grid[0]), Image.Resampling.BICUBIC)


def tone_image(image: Image.Image, kind: Kind) -> Image.Image:
    """Return the background of a view: white for a heatmap, grey for an overlay, else the image itself."""
    match kind:
        case "heatmap":
            return Image.new("RGB", image.size, PAPER)
        case "overlay":
            return image.convert("L").convert("RGB")
        case _:
            return image.copy()


def render_image(explanation: Explanation, look: Look, row: int = 0) -> Image.Image:
    """Render a view as one image, side by side with the original image if the look says so."""
    picture = find_picture(explanation)
    if picture is None:
        return Image.fromarray(render_layer(compute_strengths(explanation, look, row), "heatmap")).convert("RGB")
    image = make_background(picture, explanation.grid or (1, 1), explanation.frame, look.original)
    box = locate_frame(explanation.frame, image.size) if look.original else (0, 0, *image.size)
    view = _overlay(
        tone_image(image, look.kind),
        Image.fromarray(render_layer(compute_strengths(explanation, look, row), look.kind)),
        box,
    )
    return _place_beside(image, view) if look.side_by_side else view


def _overlay(view: Image.Image, over: Image.Image, box: Box) -> Image.Image:
    """Lay the heatmap over the part of the image that the model reads, and a veil over the rest."""
    sheet = Image.new("RGBA", view.size, (*VEIL[:3], round(255 * VEIL[3])))
    sheet.paste(over.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.NEAREST), box[:2])
    view.paste(sheet, (0, 0), sheet)
    return view


def _place_beside(one: Image.Image, other: Image.Image) -> Image.Image:
    both = Image.new("RGB", (one.width + GAP + other.width, one.height), PAPER)
    both.paste(one, (0, 0))
    both.paste(other, (one.width + GAP, 0))
    return both


def render_png(explanation: Explanation, look: Look, row: int = 0) -> bytes:
    """Render a view as a PNG file."""
    return _encode(render_image(explanation, look, row), "PNG")


def _encode(image: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def make_data_url(image: Image.Image, most: int, kind: str = "JPEG") -> str:
    """Return the image, at most `most` pixels wide and high, as a data URL."""
    small = image.copy()
    small.thumbnail((most, most), Image.Resampling.LANCZOS)
    data = base64.b64encode(_encode(small, kind, **({"quality": 85} if kind == "JPEG" else {}))).decode()
    return f"data:image/{kind.lower()};base64,{data}"
