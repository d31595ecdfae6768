"""Image files as cameras and people save them, broken ones too, become upright RGB pixels or one clear sentence."""

import io
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from transformers.image_utils import load_image

from explainers.errors import BadRequest, ExplainerError, LimitReached
from explainers.inputs.images import (
    KEPT_PIXELS,
    LAID_ON_WHITE,
    MOST_PIXELS,
    NARROWED,
    PHOTOGRAPHS,
    decode,
    decode_with_notices,
    find_example,
    find_photograph,
    require_bytes,
)
from explainers.request import Picture

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def flag(width: int = 60, height: int = 40) -> Image.Image:
    """Red on the left half, blue on the right, the lowest quarter white."""
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width // 2, height))
    image.paste(WHITE, (0, height * 3 // 4, width, height))
    return image


def saved(image: Image.Image, kind: str, **options: object) -> Picture:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return Picture(file.getvalue())


def far(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of any value of two images."""
    return int(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max())


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_a_file_without_loss_comes_back_as_it_was(kind):
    assert far(decode(saved(flag(), kind)), flag()) == 0


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"quality": 95, "subsampling": 0}), ("WEBP", {"quality": 95})])
def test_a_file_with_loss_comes_back_nearly_as_it_was(kind, options):
    assert np.abs(np.asarray(decode(saved(flag(), kind, **options)), float) - np.asarray(flag(), float)).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_photograph_stands_upright_however_the_camera_was_held(orientation, kind):
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,  # what undoes the camera's turn by 90 degrees to the right
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    lying = flag().transpose(turns[orientation]) if orientation in turns else flag()
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if kind == "WEBP" else {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    upright = decode(saved(lying, kind, exif=exif, **lossless))
    assert upright.size == (60, 40)
    assert far(upright.resize((4, 4), Image.Resampling.BOX), flag().resize((4, 4), Image.Resampling.BOX)) <= 12


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_shines_through_is_white_in_proportion(kind):
    clear = flag().convert("RGBA")
    clear.putalpha(Image.new("L", clear.size, 51))  # a fifth
    shown = decode(saved(clear, kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert shown.mode == "RGB"
    assert shown.getpixel((5, 5)) == (255, 204, 204)
    assert shown.getpixel((55, 5)) == (204, 204, 255)


def test_a_transparent_colour_of_a_palette_and_of_an_rgb_file_is_white():
    assert (
        decode(saved(flag().quantize(8), "PNG", transparency=flag().quantize(8).getpixel((5, 5)))).getpixel((5, 5))
        == WHITE
    )
    assert decode(saved(flag(), "PNG", transparency=RED)).getpixel((5, 5)) == WHITE


MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB", "HSV", "I", "F")
PICTURE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (9, 7, 3), dtype=np.uint8))


def in_mode(mode: str) -> Image.Image:
    """The picture in a mode of PIL, opaque."""
    return (PICTURE.convert({"PA": "P", "RGBa": "RGBA"}.get(mode, "RGB"))).convert(mode)


@pytest.mark.parametrize("mode", MODES)
def test_a_pil_image_of_any_mode_is_what_transformers_pipeline_reads(mode):
    shown, notices = decode_with_notices(Picture.of(in_mode(mode)))
    assert (far(shown, load_image(in_mode(mode))), notices) == (0, ())


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK", "I", "F"])
def test_a_pil_image_is_turned_upright_as_transformers_pipeline_does(mode):
    image = in_mode(mode)
    image.getexif()[0x0112] = 6
    assert far(decode(Picture.of(image)), load_image(image)) == 0
    assert decode(Picture.of(image)).size == (9, 7)


def test_a_photograph_opened_with_pil_is_the_one_read_from_its_file(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 8
    PICTURE.save(tmp_path / "phone.jpg", exif=exif)
    upright = load_image(str(tmp_path / "phone.jpg"))
    for given in (tmp_path / "phone.jpg", Image.open(tmp_path / "phone.jpg")):
        assert far(decode(Picture.of(given)), upright) == 0


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "RGBa"])
def test_a_notice_says_that_clear_parts_lie_on_white(mode):
    clear = in_mode(mode)
    if mode == "RGBa":
        clear = clear.convert("RGBA")
    clear.putalpha(PICTURE.convert("L"))
    clear = clear.convert(mode)
    assert decode_with_notices(Picture.of(clear))[1] == (LAID_ON_WHITE,)


def test_clear_parts_that_are_white_beneath_need_no_notice():
    white = Image.new("RGBA", (4, 4), (255, 255, 255, 0))
    assert decode_with_notices(Picture.of(white))[1] == ()


def test_a_notice_says_that_more_than_8_bits_are_scaled():
    deep = np.asarray(PICTURE.convert("L")).astype(np.uint16) * 257
    deep[0, :2] = 0, 65_535
    for array in (deep, deep.astype(np.int32), deep.astype(np.float32) / 65535):
        shown, notices = decode_with_notices(Picture.of(Image.fromarray(array)))
        assert notices == (NARROWED,)
        assert np.abs(np.asarray(shown)[..., 0].astype(int) - deep // 257).max() <= 2
    shallow = Image.fromarray(deep // 257)
    assert (shallow.mode, decode_with_notices(Picture.of(shallow))[1]) == ("I;16", ())
    assert far(decode(Picture.of(shallow)), load_image(shallow)) == 0
    big_endian = Image.frombytes("I;16B", (7, 9), deep.astype(">u2").tobytes())
    assert Picture.of(big_endian) == Picture.of(Image.fromarray(deep))


@pytest.mark.parametrize("mode", ["L", "1", "LA", "P", "CMYK", "I;16", "I", "F"])
def test_any_mode_becomes_rgb(mode):
    ramp = Image.fromarray(np.tile(np.arange(0, 256, 5, dtype=np.uint8), (30, 1)))
    if mode == "I;16":
        ramp = Image.fromarray(np.asarray(ramp).astype(np.uint16) * 257)
    elif mode in ("I", "F"):
        ramp = Image.fromarray(np.asarray(ramp).astype(np.int32 if mode == "I" else np.float32) * 7)
    else:
        ramp = ramp.convert(mode)
    shown = np.asarray(decode(saved(ramp, "PNG" if mode in ("L", "1", "LA", "P", "I;16") else "TIFF")), float)
    assert shown.shape == (30, 52, 3)
    assert np.ptp(shown, axis=2).max() == 0  # grey
    if mode == "1":
        assert set(np.unique(shown)) == {0.0, 255.0}
    else:
        assert np.abs(shown[0, :, 0] - np.arange(0, 256, 5)).max() <= 1


def test_a_cmyk_jpeg_has_the_colours_of_its_rgb_original():
    shown = decode(saved(flag().convert("CMYK"), "JPEG", quality=95, subsampling=0))
    assert far(shown.resize((2, 1), Image.Resampling.BOX), flag().resize((2, 1), Image.Resampling.BOX)) <= 12


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_is_its_first_frame(kind):
    frames = [Image.new("RGB", (30, 20), colour) for colour in (RED, BLUE, WHITE)]
    lossless = {"lossless": True} if kind == "WEBP" else {}
    shown = decode(saved(frames[0], kind, save_all=True, append_images=frames[1:], **lossless))
    assert far(shown, frames[0]) == 0


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "RGB"), ("PNG", "P"), ("PNG", "1")])
def test_forty_megapixels_are_read_at_half_their_sides(kind, mode):
    image = flag(8_000, 5_000).convert(mode)
    shown = decode(saved(image, kind, **({"quality": 90} if kind == "JPEG" else {"compress_level": 1})))
    assert shown.mode == "RGB"
    assert shown.size == (4_000, 2_500)
    assert shown.width * shown.height <= KEPT_PIXELS
    small = image.convert("RGB").resize((4, 4), Image.Resampling.BOX)
    assert far(shown.resize((4, 4), Image.Resampling.BOX), small) <= 3


PEAK = """
import resource, sys
from explainers.inputs.images import decode
from explainers.request import Picture
picture = Picture(open(sys.argv[1], "rb").read())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
decode(picture)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_a_jpeg_of_forty_megapixels_is_never_unpacked_whole(tmp_path):
    (tmp_path / "large.jpg").write_bytes(saved(flag(8_000, 5_000), "JPEG").data)
    command = [sys.executable, "-c", PEAK, str(tmp_path / "large.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100_000  # kB; Pillow needs four bytes a pixel, 160 MB for all of them


def test_an_image_that_is_not_too_large_keeps_every_pixel():
    picture = saved(flag(4_000, 3_000), "PNG", compress_level=1)
    assert decode(picture).size == (4_000, 3_000)


@pytest.mark.parametrize("size", [(10_000, 5_001), (9_500, 9_500), (15_000, 15_000)])
def test_a_bomb_is_refused_before_it_is_unpacked(size):
    file = saved(Image.new("1", size), "PNG")
    assert size[0] * size[1] > MOST_PIXELS
    assert len(file.data) < 100_000
    with pytest.raises(LimitReached, match="more than 50 million pixels"):
        decode(file)


def test_a_strip_that_a_processor_would_blow_up_is_refused():
    assert decode(saved(Image.new("RGB", (2_000, 100)), "PNG")).size == (2_000, 100)
    with pytest.raises(LimitReached, match=r"2,001 × 100 pixels is more than 20 times"):
        decode(saved(Image.new("RGB", (2_001, 100)), "PNG"))


def test_a_file_over_the_limit_in_megabytes_is_refused_with_both_numbers():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (700, 600, 3), dtype=np.uint8))
    with pytest.raises(LimitReached, match=r"has 1\.3 MB, and at most 1 MB"):
        decode(saved(noise, "PNG"), most_megabytes=1)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_truncated_file_is_refused_in_one_sentence(kind):
    data = saved(flag(), kind).data
    for end in (20, len(data) // 2, len(data) - 30):
        with pytest.raises(BadRequest, match=r"not an image, or it is damaged\. Choose a PNG, JPEG"):
            decode(Picture(data[:end]))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG file is a vector drawing"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "HEIC photograph"),
        (b"\x00\x00\x00\x18ftypavif\x00\x00", "AVIF image"),
        (b"%PDF-1.7 ...", "This is a PDF"),
        (b"hello", "not an image, or it is damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image, or it is damaged"),
        (b"GIF89a", "not an image, or it is damaged"),
    ],
)
def test_what_is_no_image_of_pixels_is_named(data, said):
    with pytest.raises(BadRequest, match=said):
        decode(Picture(data))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damage_anywhere_raises_errors_of_ours_alone():
    draw = random.Random(7)
    files = [saved(flag(), kind).data for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")]
    refused = 0
    for _ in range(1_500):
        data = bytearray(draw.choice(files))
        for _ in range(draw.choice((1, 3, 12))):
            data[draw.randrange(len(data))] = draw.randrange(256)
        try:
            assert decode(Picture(bytes(data))).mode == "RGB"
        except ExplainerError:
            refused += 1
    assert 200 < refused < 1_400


def test_every_photograph_opens_is_small_and_is_found_by_its_checksum():
    assert 6 <= len(PHOTOGRAPHS) <= 8
    for shown in PHOTOGRAPHS:
        picture = shown.picture
        assert len(picture.data) <= 60_000
        assert max(decode(picture).size) <= 640
        assert find_photograph(picture.sha256) is shown
        found = find_example(picture.sha256)
        assert found is not None
        assert found.data == require_bytes(Picture(b"", picture.sha256)).data == picture.data
        assert shown.licence.startswith(("CC0", "CC BY 2.0"))
        assert shown.author in shown.credit


def test_every_photograph_that_is_shipped_is_credited():
    root = Path(__file__).parents[3]
    assert sorted(shown.file for shown in PHOTOGRAPHS) == sorted(
        path.name for path in (root / "assets" / "photos").iterdir()
    )
    third_party = (root / "THIRD_PARTY.md").read_text()
    for shown in PHOTOGRAPHS:
        assert shown.file in third_party
        assert shown.author.removeprefix("Flickr photo ") in third_party


def test_an_upload_of_somebody_else_is_asked_for_again():
    assert find_example("0" * 64) is None
    with pytest.raises(BadRequest, match="links do not contain images"):
        decode(Picture(b"", "0" * 64))
