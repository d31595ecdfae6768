"""Decode image files to upright RGB pixels, and the sample photographs."""

import io
import threading
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageOps

from ..errors import BadRequest, ExplainerError, LimitReached
from ..request import DAMAGE, Picture
from ..settings import ROOT

FOLDER = ROOT / "assets" / "photos"
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
MOST_PIXELS = 50_000_000  # of a file
KEPT_PIXELS = 12_500_000  # in memory: the sides of a larger image are halved until it fits
MOST_RATIO = (
    20  # of the sides: a processor that scales the shorter side to a fixed length makes the other one very long
)
UNSUPPORTED = {  # common files that are not supported, by a marker among their first bytes
    b"<svg": "An SVG file is a vector drawing. Export it as PNG.",
    b"ftypheic": "This is a HEIC photograph. Save it as JPEG.",
    b"ftypmif1": "This is a HEIF photograph. Save it as JPEG.",
    b"ftypavif": "This is an AVIF image. Save it as PNG or JPEG.",
    b"%PDF": "This is a PDF. Save its image as PNG.",
}
NARROWED = "Values of more than 8 bits are scaled to 8, and transformers' pipeline cuts those above 255 instead."
LAID_ON_WHITE = "Clear parts of the image lie on white here, and transformers' pipeline shows the colours beneath."
_DECODING = threading.Lock()  # one image is decoded at a time, to bound the memory


@dataclass(frozen=True)
class Photograph:
    """A sample photograph with its title and credit."""

    file: str
    title: str
    author: str
    licence: str
    source: str

    @property
    def picture(self) -> Picture:
        """Its Picture."""
        return Picture((FOLDER / self.file).read_bytes())

    @property
    def credit(self) -> str:
        """The credit line."""
        return f"{self.title}. {self.author}, {self.licence}. {self.source}."


def _make_flickr_photograph(file: str, title: str, photo: int, coco: int) -> Photograph:
    """Make a Photograph from COCO, which states its licence and number on Flickr but no author."""
    return Photograph(file, title, f"Flickr photo {photo}", "CC BY 2.0, resized", f"By way of COCO 2017, image {coco}")


PHOTOGRAPHS = (
    Photograph("cat.jpg", "A cat's face", "Stéfan van der Walt", "CC0", "From the samples of scikit-image"),
    _make_flickr_photograph("pizza.jpg", "A pizza on a table", 4409615060, 160012),
    _make_flickr_photograph("stop-sign.jpg", "A stop sign at night", 1143164889, 122745),
    _make_flickr_photograph("poodle.jpg", "A dog by a hydrant", 3937557668, 377575),
    _make_flickr_photograph("laptop.jpg", "A laptop on a desk", 6982311426, 516008),
    _make_flickr_photograph("clock.jpg", "A clock on a wall", 5333676592, 551780),
    _make_flickr_photograph("gull.jpg", "A gull over the sea", 100911501, 126107),
    _make_flickr_photograph("broccoli.jpg", "Broccoli on a plate", 5560942229, 62554),
)


@cache
def _index_photographs() -> dict[str, Photograph]:
    return {photograph.picture.sha256: photograph for photograph in PHOTOGRAPHS}


def find_photograph(sha256: str) -> Photograph | None:
    """Find the sample photograph with this checksum."""
    return _index_photographs().get(sha256)


def find_example(sha256: str) -> Picture | None:
    """Find the Picture of the sample photograph with this checksum."""
    photograph = find_photograph(sha256)
    return photograph.picture if photograph else None


def require_bytes(picture: Picture) -> Picture:
    """Return the Picture with its bytes. Raises BadRequest for an uploaded image, which a link does not contain."""
    if picture.data:
        return picture
    if example := find_example(picture.sha256):
        return example
    raise BadRequest("This link refers to an uploaded image, and links do not contain images. Upload it again.")


def decode(picture: Picture, most_megabytes: int = 20) -> Image.Image:
    """Decode to upright RGB: the first frame, on white if transparent, halved until it has at most KEPT_PIXELS."""
    return decode_with_notices(picture, most_megabytes)[0]


def decode_with_notices(picture: Picture, most_megabytes: int = 20) -> tuple[Image.Image, tuple[str, ...]]:
    """Decode to upright RGB, with a sentence for each way in which transformers' pipeline reads the image otherwise."""
    data = require_bytes(picture).data
    if len(data) > most_megabytes * 1_000_000:
        raise LimitReached(
            f"The file has {len(data) / 1e6:.1f} MB, and at most {most_megabytes} MB are allowed. "
            "Choose or save a smaller one."
        )
    try:
        with _DECODING, Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            _check_size(*opened.size)
            size = opened.size
            loaded = _downsample(opened)
            rgb, notices = _to_rgb(loaded)
            if loaded.size != size:
                width, height = size
                notices += (f"The image of {width:,} × {height:,} pixels is read at {rgb.width:,} × {rgb.height:,}.",)
            return ImageOps.exif_transpose(rgb), notices
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise LimitReached(_describe_limit("This image")) from None
    except ExplainerError:  # some are ValueErrors, which Pillow raises too
        raise
    except DAMAGE:
        raise BadRequest(_describe_refusal(data)) from None


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise LimitReached(_describe_limit(f"This image of {width:,} × {height:,} pixels"))
    if max(width, height) > MOST_RATIO * min(width, height):
        raise LimitReached(
            f"This image of {width:,} × {height:,} pixels is more than {MOST_RATIO} times as long as wide. Crop it."
        )


def _describe_limit(what: str) -> str:
    return f"{what} has more than {MOST_PIXELS // 1_000_000} million pixels, the limit. Choose or save a smaller one."


def _describe_refusal(data: bytes) -> str:
    for marker, text in UNSUPPORTED.items():
        if marker in data[:1_000]:
            return text
    return "This file is not an image, or it is damaged. Choose a PNG, JPEG, GIF, WebP, BMP or TIFF file."


def _downsample(image: Image.Image) -> Image.Image:
    """Load the image with at most KEPT_PIXELS; a JPEG is decoded at the smaller size directly."""
    width, height = image.size
    factor = 1
    while width * height > KEPT_PIXELS * factor * factor:
        factor *= 2
    image.draft(None, (-(-width // factor), -(-height // factor)))
    image.load()
    rest = factor // round(width / image.width)
    if rest == 1:
        return image
    if image.mode in ("P", "PA", "1", "I") or image.mode.startswith("I;"):  # these modes cannot be averaged directly
        image = image.convert("RGBA") if image.has_transparency_data else _to_8_bits(image).convert("RGB")
    return image.reduce(rest)


def _to_rgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Convert any mode to RGB, transparency to white, and say where that is not what the pipeline's `convert` gives."""
    narrow = _to_8_bits(image)
    rgb = narrow.convert("RGB")
    notices = (NARROWED,) if narrow is not image and rgb.tobytes() != image.convert("RGB").tobytes() else ()
    if not narrow.has_transparency_data:
        return rgb, notices
    transparent = narrow.convert("RGBA")
    white = Image.new("RGBA", transparent.size, "white")
    white.alpha_composite(transparent)
    shown = _copy_info(narrow, white.convert("RGB"))
    return shown, notices if shown.tobytes() == rgb.tobytes() else (*notices, LAID_ON_WHITE)


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Convert 16 bits per pixel to their upper 8; scale 32 bits and floats from their minimum to their maximum.

    Values that are all within 8 bits stay as they are.
    """
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return image
    pixels = np.asarray(image)
    if pixels.min() >= 0 and 1 < pixels.max() <= 255:
        return _copy_info(image, image.convert("L"))
    if image.mode.startswith("I;16"):
        return _copy_info(image, Image.fromarray((pixels >> 8).astype(np.uint8)))
    levels = np.nan_to_num(pixels.astype(np.float64))
    low, high = levels.min(), levels.max()
    return _copy_info(image, Image.fromarray((255 * (levels - low) / ((high - low) or 1.0)).round().astype(np.uint8)))


def _copy_info(source: Image.Image, image: Image.Image) -> Image.Image:
    """Copy the metadata, which contains the EXIF orientation, from `source` to `image`, and return `image`."""
    image.info |= {name: value for name, value in source.info.items() if name != "transparency"}
    return image
