"""From the bytes of an image file to upright RGB pixels, whatever a camera or a person may have saved; our photographs.

Knows no torch, no model and no Streamlit.
"""

import io
import struct
import threading
import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageOps

from ..errors import BadRequest, LimitReached
from ..request import Picture
from ..settings import ROOT

FOLDER = ROOT / "assets" / "photos"
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
MOST_PIXELS = 50_000_000  # of a file
KEPT_PIXELS = 12_500_000  # in memory: a larger image is halved until it fits
MOST_RATIO = 20  # of the sides: processors that fix the shorter one make the other as long as need be
FOREIGN = {  # what people try to upload most, by a sign of it among the first bytes
    b"<svg": "An SVG file is a drawing, not pixels. Export it as PNG.",
    b"ftypheic": "This is a HEIC photograph. Save it as JPEG.",
    b"ftypmif1": "This is a HEIF photograph. Save it as JPEG.",
    b"ftypavif": "This is an AVIF image. Save it as PNG or JPEG.",
    b"%PDF": "This is a PDF. Save its picture as PNG.",
}
# Pillow's plugins raise all of these over damaged files.
WRONG_VALUES = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, struct.error)
DAMAGE = (OSError, EOFError, SyntaxError, RuntimeError, zlib.error, *WRONG_VALUES)
_DECODING = threading.Lock()  # one large image is unpacked at a time


@dataclass(frozen=True)
class Photograph:
    """A photograph to try: what it shows, and whom to thank for it."""

    file: str
    title: str
    author: str
    licence: str
    source: str

    @property
    def picture(self) -> Picture:
        """Its bytes."""
        return Picture((FOLDER / self.file).read_bytes())

    @property
    def credit(self) -> str:
        """What stands under it."""
        return f"{self.title}. {self.author}, {self.licence}. {self.source}."


def _make_flickr_photograph(file: str, title: str, photo: int, coco: int) -> Photograph:
    """A photograph by way of COCO, which gives the licence and the photo's number, but no name."""
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
    """The example photograph whose bytes have this checksum."""
    return _index_photographs().get(sha256)


def find_example(sha256: str) -> Picture | None:
    """Its Picture, for a link that names nothing but the checksum."""
    found = find_photograph(sha256)
    return found.picture if found else None


def require_bytes(picture: Picture) -> Picture:
    """The picture with its bytes. Raises BadRequest for an upload of somebody else, which no link can carry."""
    if picture.data:
        return picture
    if found := find_example(picture.sha256):
        return found
    raise BadRequest("This link is about an image that was uploaded, and a link cannot carry one. Upload it again.")


def decode(picture: Picture, most_megabytes: int = 20) -> Image.Image:
    """The image upright, in RGB, transparency on white, the first frame of several; halved while over KEPT_PIXELS."""
    data = require_bytes(picture).data
    if len(data) > most_megabytes * 1_000_000:
        raise LimitReached(
            f"The file has {len(data) / 1e6:.1f} MB, and at most {most_megabytes} MB are allowed here. Save it smaller."
        )
    try:
        with _DECODING, Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            _check_size(*opened.size)
            return ImageOps.exif_transpose(_to_rgb(_downsample(opened)))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise LimitReached(_describe_limit("This image")) from None
    except DAMAGE:
        raise BadRequest(_describe_refusal(data)) from None


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise LimitReached(_describe_limit(f"This image of {width:,} × {height:,} pixels"))
    if max(width, height) > MOST_RATIO * min(width, height):
        raise LimitReached(
            f"This image of {width:,} × {height:,} pixels is more than {MOST_RATIO} times as long as it is wide. "
            "Cut out the part that matters."
        )


def _describe_limit(what: str) -> str:
    return f"{what} has more than {MOST_PIXELS // 1_000_000} million pixels, the most that are read. Make it smaller."


def _describe_refusal(data: bytes) -> str:
    for sign, said in FOREIGN.items():
        if sign in data[:1_000]:
            return said
    return "This file is no image, or it is damaged. Give a PNG, JPEG, GIF, WebP, BMP or TIFF that opens elsewhere."


def _downsample(image: Image.Image) -> Image.Image:
    """The decoded image with at most KEPT_PIXELS; a JPEG is unpacked at its smaller size straight away."""
    width, height = image.size
    by = 1
    while width * height > KEPT_PIXELS * by * by:
        by *= 2
    image.draft(None, (-(-width // by), -(-height // by)))
    image.load()
    left = by // round(width / image.width)
    if left == 1:
        return image
    if image.mode in ("P", "PA", "1", "I") or image.mode.startswith("I;"):  # these cannot be averaged as they are
        image = image.convert("RGBA") if image.has_transparency_data else _to_8_bits(image).convert("RGB")
    return image.reduce(left)


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any mode as RGB; what shines through is white."""
    image = _to_8_bits(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    white = Image.new("RGBA", clear.size, "white")
    white.alpha_composite(clear)
    return _copy_info(image, white.convert("RGB"))


def _to_8_bits(image: Image.Image) -> Image.Image:
    """16 bits a pixel as 8, the upper ones; 32 and floats spread from their darkest to their brightest."""
    if image.mode.startswith("I;16"):
        return _copy_info(image, Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)))
    if image.mode not in ("I", "F"):
        return image
    levels = np.nan_to_num(np.asarray(image, dtype=np.float64))
    low, high = levels.min(), levels.max()
    return _copy_info(image, Image.fromarray((255 * (levels - low) / ((high - low) or 1.0)).round().astype(np.uint8)))


def _copy_info(source: Image.Image, image: Image.Image) -> Image.Image:
    """The image with what the source's file says of how the camera was held."""
    image.info |= {name: value for name, value in source.info.items() if name != "transparency"}
    return image
