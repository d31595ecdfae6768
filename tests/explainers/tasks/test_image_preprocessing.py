"""The pixels that a model reads from a picture, their frame, and the baselines."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from explainers import explain
from explainers.tasks.image_preprocessing import blur, preprocess
from tests.support.image_models import CLOSE, PHOTO, make_bundle, make_request
from tests.support.tiny import processor_for

FRAMES = {
    "vit": (0.0, 0.0, 1.0, 1.0),  # squeezed into a square
    "deit": (2 / 36, 2 / 36, 34 / 36, 34 / 36),  # 36 by 36, of which the middle 32
    # the shorter side becomes 32 / 0.875 = 36, the longer int(36 · 451 / 300) = 54, of which the middle 32
    "convnext": ((54 - 32) / 2 / 54, 2 / 36, (54 + 32) / 2 / 54, 34 / 36),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_the_frame_is_the_part_of_the_picture_that_the_processor_keeps(kind):
    assert PHOTO.size == (451, 300)
    found = preprocess(processor_for(kind), PHOTO, "tiny").frame
    assert found == pytest.approx(FRAMES[kind], abs=0.006)


@pytest.mark.parametrize("size", [(640, 480), (100, 1_000), (33, 32), (1_500, 100)])
@pytest.mark.parametrize("kind", ["deit", "convnext", "beit"])
def test_a_spot_in_the_picture_is_found_where_the_frame_says(kind, size):
    seen = preprocess(processor_for(kind), Image.new("RGB", size), "tiny")
    left, top, right, bottom = seen.frame
    centre = ((left + right) / 2 * size[0], (top + bottom) / 2 * size[1])
    wide, high = (right - left) * size[0] / 8, (bottom - top) * size[1] / 8
    picture = Image.new("RGB", size)
    box = (centre[0], centre[1], centre[0] + wide, centre[1] + high)
    picture.paste((255, 255, 255), tuple(round(side) for side in box))
    bright = preprocess(processor_for(kind), picture, "tiny").pixels[0].sum(0)
    bright = (bright - bright.min()) / (bright.max() - bright.min())
    down, across = (bright.sum(axis) / bright.sum() for axis in (1, 0))
    places = torch.arange(32) + 0.5
    assert float((across * places).sum()) == pytest.approx(18, abs=0.6)  # the middle of cells 16 to 20
    assert float((down * places).sum()) == pytest.approx(18, abs=0.6)


def test_padding_lies_outside_the_picture():
    class Padding:
        """Twice as high as wide becomes a square, with half a picture's width of grey on either side."""

        def __call__(self, images: Image.Image, return_tensors: str) -> dict[str, Tensor]:
            pixels = torch.from_numpy(np.asarray(images.resize((16, 32)), np.float32) / 255).permute(2, 0, 1)
            return {"pixel_values": torch.nn.functional.pad(pixels, (8, 8))[None]}

    assert preprocess(Padding(), Image.new("RGB", (100, 200)), "tiny").frame == pytest.approx(
        (-0.5, 0, 1.5, 1), abs=0.006
    )


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1), (20, 1)])
def test_pictures_of_a_few_pixels_are_explained_like_any_other(size):
    found = explain(make_request("saliency", Image.new("RGB", size, "red")), bundle=make_bundle("vit"))
    assert np.isfinite(found.scores).all()


@pytest.mark.parametrize(("kind", "level"), [("black", 0), ("white", 255)])
def test_black_and_white_baselines_are_the_processors_own(kind, level):
    held = make_bundle("beit")
    flat = explain(make_request(params={"baseline": kind, "most_passes": 20}), bundle=held)
    plain = explain(
        make_request("saliency", Image.new("RGB", PHOTO.size, (level,) * 3), target=flat.targets[0]), bundle=held
    )
    assert flat.baselines[0] == pytest.approx(plain.values[0], abs=CLOSE)


def test_the_grey_baseline_is_zero_and_mean_and_blurred_are_made_from_the_picture():
    held = make_bundle("vit")
    pixels = preprocess(held.processor, PHOTO, "tiny").pixels
    for kind, baseline in (
        ("grey", torch.zeros_like(pixels)),
        ("mean", pixels.mean((2, 3), keepdim=True)),
        ("blurred", blur(pixels, 32 / 20)),  # a twentieth of the longer side
    ):
        found = explain(make_request(params={"baseline": kind, "most_passes": 20}), bundle=held)
        with torch.no_grad():
            said = held.model(pixel_values=baseline.expand_as(pixels)).logits.softmax(-1)[0, found.targets[0].index]
        assert found.baselines[0] == pytest.approx(float(said), abs=CLOSE)


def test_a_blurred_point_has_the_requested_deviation_and_a_flat_picture_stays_flat():
    point = torch.zeros(1, 3, 41, 41)
    point[0, :, 20, 20] = 1
    spread = blur(point, 3.0)[0, 1]
    places = torch.arange(41.0) - 20
    assert float(spread.sum()) == pytest.approx(1, abs=1e-4)
    assert float((spread.sum(0) * places**2).sum()) == pytest.approx(9, rel=0.03)
    torch.testing.assert_close(spread, spread.T)
    torch.testing.assert_close(blur(torch.full((1, 3, 5, 7), 0.3), 4.0), torch.full((1, 3, 5, 7), 0.3))


def test_a_picture_is_explained_upright():
    lying = PHOTO.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    lying.save(file, "PNG", exif=exif)
    held = make_bundle("convnext")
    one, other = (explain(make_request("saliency", image), bundle=held) for image in (PHOTO, file.getvalue()))
    np.testing.assert_array_equal(one.scores, other.scores)
