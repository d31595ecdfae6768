"""Heatmaps drawn on their image."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from explainers.request import Picture, Request
from explainers.visualization.image.heatmap import KINDS, Look
from explainers.visualization.image.render import GAP, render_image, render_png
from explainers.visualization.palette import AWAY, OVERLAY_OPACITY, TOWARDS, split_rgb
from tests.support.image_explanations import explain_image, make_image, make_random_scores

BLUE, ORANGE = split_rgb(TOWARDS["light"]), split_rgb(AWAY["light"])


def grid_of_one(value: float, rows: int = 2, columns: int = 4, at: tuple[int, int] = (0, 0)) -> np.ndarray:
    scores = np.zeros((1, rows, columns))
    scores[0][at] = value
    return scores


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side_by_side", [False, True])
def test_a_png_has_the_size_of_the_image(kind, side_by_side):
    file = render_png(explain_image(grid_of_one(1.0)), Look(kind, side_by_side=side_by_side))
    with Image.open(io.BytesIO(file)) as opened:
        assert opened.format == "PNG"
        assert opened.size == ((2 * 40 + GAP) if side_by_side else 40, 20)


def test_a_masked_image_is_black_where_scores_are_0():
    scores = grid_of_one(1.0)
    scores[0, 1, 3] = 0.5
    shown = np.asarray(render_image(explain_image(scores), Look("masked_image", outlier_threshold=0.0)), float)
    own = np.asarray(make_image(), float)
    np.testing.assert_array_equal(shown[:10, :10], own[:10, :10])  # each cell of the map is 10 × 10 pixels
    np.testing.assert_allclose(shown[10:, 30:], own[10:, 30:] / 2, atol=1.5)
    assert shown[:10, 10:].max() == shown[10:, :30].max() == 0


def test_alpha_scaling_is_white_where_scores_are_0():
    shown = np.asarray(render_image(explain_image(grid_of_one(-1.0, at=(1, 2))), Look("alpha_scaling")), float)
    np.testing.assert_array_equal(shown[10:, 20:30], np.asarray(make_image(), float)[10:, 20:30])
    assert shown[:10].min() == shown[:, :20].min() == shown[:, 30:].min() == 255


def test_an_overlay_is_grey_where_scores_are_0():
    scores = grid_of_one(1.0)
    scores[0, 0, 1] = -1.0
    shown = np.asarray(render_image(explain_image(scores), Look("overlay")), float)
    grey = np.asarray(make_image().convert("L"), float)[..., None]
    np.testing.assert_array_equal(shown[10:], np.repeat(grey[10:], 3, axis=2))
    np.testing.assert_allclose(
        shown[:10, :10], OVERLAY_OPACITY * np.array(BLUE) + (1 - OVERLAY_OPACITY) * grey[:10, :10], atol=1.5
    )
    np.testing.assert_allclose(
        shown[:10, 10:20], OVERLAY_OPACITY * np.array(ORANGE) + (1 - OVERLAY_OPACITY) * grey[:10, 10:20], atol=1.5
    )


def test_a_heatmap_is_white_at_zero_and_does_not_show_the_picture():
    shown = np.asarray(render_image(explain_image(grid_of_one(2.0)), Look("heatmap")))
    assert (shown[:10, :10] == BLUE).all()
    assert (shown[10:] == 255).all()


def test_only_the_selected_signs_are_drawn():
    scores = grid_of_one(1.0)
    scores[0, 0, 1] = -1.0
    for sign, places in (("positive", {0: BLUE}), ("negative", {1: ORANGE}), ("absolute", {0: BLUE, 1: BLUE})):
        shown = np.asarray(render_image(explain_image(scores), Look("heatmap", sign)))
        for column in (0, 1):
            assert (shown[:10, 10 * column : 10 * column + 10] == places.get(column, (255, 255, 255))).all()


def test_the_heatmap_lies_on_the_frame_and_the_rest_is_veiled():
    cut = explain_image(grid_of_one(1.0, 2, 2), frame=(0.25, 0.0, 0.75, 1.0))
    shown = np.asarray(render_image(cut, Look("masked_image")), float)
    own = np.asarray(make_image(), float)
    np.testing.assert_array_equal(shown[:10, 10:20], own[:10, 10:20])
    assert shown[:, 20:30].max() == 0
    np.testing.assert_allclose(shown[:, :10], 0.55 * 128 + 0.45 * own[:, :10], atol=1.5)
    np.testing.assert_allclose(shown[:, 30:], 0.55 * 128 + 0.45 * own[:, 30:], atol=1.5)


def test_padding_is_cut_off():
    padded = explain_image(grid_of_one(1.0, 2, 2, (0, 1)), frame=(0.0, -0.5, 1.0, 1.5))
    shown = np.asarray(render_image(padded, Look("heatmap")))
    assert (shown[:10, 20:] == BLUE).all()
    assert (shown[10:] == 255).all()
    assert (shown[:, :20] == 255).all()


def test_the_view_on_model_pixels_has_the_size_of_the_grid():
    cut = explain_image(np.ones((1, 20, 20)), frame=(0.25, 0.0, 0.75, 1.0))
    shown = render_image(cut, Look("masked_image", original=False))
    assert shown.size == (20, 20)
    np.testing.assert_array_equal(np.asarray(shown), np.asarray(make_image().crop((10, 0, 30, 20))))


def test_a_png_of_a_large_image_keeps_its_size():
    large = Image.effect_noise((2_400, 1_800), 30).convert("RGB")
    request = Request("image_classification", "m", {"image": Picture.of(large)})
    file = render_png(explain_image(make_random_scores(1, 7, 7), request=request), Look("overlay"))
    assert struct.unpack(">II", file[16:24]) == (2_400, 1_800)  # PNG's own header
