"""The four pictures of an image's map: their numbers are Captum's, their colours and places are derived here."""

import base64
import io
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from captum.attr._utils import visualization as captum
from PIL import Image

from explainers.errors import BadRequest
from explainers.inputs.images import PHOTOGRAPHS
from explainers.request import Picture, Request, Target
from explainers.results.explanation import Explanation, Pixels, Prediction, sum_channels
from explainers.visualization.image.figure import describe_figure, draw_figure
from explainers.visualization.image.heatmap import (
    KINDS,
    SIGNS,
    Look,
    compute_strengths,
    find_limit,
    render_layer,
    select_sign,
)
from explainers.visualization.image.regions import rank_regions
from explainers.visualization.image.render import GAP, render_image, render_png
from explainers.visualization.palette import AWAY, OVERLAY_OPACITY, TOWARDS, split_rgb

BLUE, ORANGE = split_rgb(TOWARDS["light"]), split_rgb(AWAY["light"])


def image(width: int = 40, height: int = 20) -> Image.Image:
    """Every pixel another colour, so that a place can be told from its colour."""
    red, green = np.meshgrid(np.arange(width) * 6, np.arange(height) * 12)
    return Image.fromarray(np.stack([red, green, np.full_like(red, 99)], -1).astype(np.uint8))


def explained(scores: np.ndarray, **changes: object) -> Explanation:
    """An explanation whose scores are (channels, rows, columns)."""
    channels, *grid = scores.shape
    target = Target("cat", 0, probability=0.7)
    nouns: dict[str, object] = {
        "request": Request("image_classification", "m", {"image": Picture.of(image())}),
        "features": Pixels("image", channels, *grid),
        "targets": (target,),
        "scores": scores.reshape(1, -1).astype(np.float32),
        "values": np.array([0.7], np.float32),
        "baselines": None,
        "unit": "probability",
        "signed": True,
        "additive": False,
        "prediction": Prediction((target,)),
        "grid": tuple(grid),
        "kind": "image",
    }
    return Explanation(**(nouns | changes))


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) ** 3


def test_the_map_is_the_sum_over_the_channels_of_each_pixel():
    scores = random(3, 4, 5)
    np.testing.assert_allclose(sum_channels(explained(scores)), scores.sum(0), rtol=1e-5)


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("threshold", [0.001, 0.02, 0.1, 0.5])  # at 0 Captum raises: its sum rounds up
def test_strengths_are_those_of_captum_for_every_sign_and_threshold(sign, threshold):
    scores = random(3, 16, 12)
    named = "absolute_value" if sign == "absolute" else sign
    theirs = captum._normalize_attr(scores.sum(0), named, 100 * threshold)
    if sign == "negative":
        theirs = -theirs  # Captum turns them round: its negative scores are drawn by their size
    ours = compute_strengths(explained(scores), Look(sign=sign, outlier_threshold=threshold))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_full_colour_begins_where_the_larger_scores_hold_the_threshold_of_all_credit():
    values = np.array([[1.0, -2.0], [3.0, -4.0]])
    assert find_limit(values, 0.0) == 4.0
    assert find_limit(values, 0.4) == 3.0  # 4 of 10 lie beyond it
    assert find_limit(values, 0.41) == 3.0
    assert find_limit(values, 0.71) == 2.0
    assert find_limit(np.zeros((2, 2)), 0.1) == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_colours_at_minus_one_zero_and_one_are_those_of_the_view(kind):
    over = round(255 * OVERLAY_OPACITY)
    right = {
        "heatmap": [(*ORANGE, 255), (255, 255, 255, 255), (*BLUE, 255)],
        "overlay": [(*ORANGE, over), (*BLUE, 0), (*BLUE, over)],
        "masked_image": [(0, 0, 0, 0), (0, 0, 0, 255), (0, 0, 0, 0)],
        "alpha_scaling": [(255, 255, 255, 0), (255, 255, 255, 255), (255, 255, 255, 0)],
    }[kind]
    assert [tuple(pixel) for pixel in render_layer(np.array([[-1.0, 0.0, 1.0]]), kind)[0]] == right


def grid_of_one(value: float, rows: int = 2, columns: int = 4, at: tuple[int, int] = (0, 0)) -> np.ndarray:
    scores = np.zeros((1, rows, columns))
    scores[0][at] = value
    return scores


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side_by_side", [False, True])
def test_a_png_has_the_pictures_own_size(kind, side_by_side):
    file = render_png(explained(grid_of_one(1.0)), Look(kind, side_by_side=side_by_side))
    with Image.open(io.BytesIO(file)) as opened:
        assert opened.format == "PNG"
        assert opened.size == ((2 * 40 + GAP) if side_by_side else 40, 20)


def test_a_masked_image_keeps_what_matters_and_blackens_the_rest():
    scores = grid_of_one(1.0)
    scores[0, 1, 3] = 0.5
    shown = np.asarray(render_image(explained(scores), Look("masked_image", outlier_threshold=0.0)), float)
    own = np.asarray(image(), float)
    np.testing.assert_array_equal(shown[:10, :10], own[:10, :10])  # each cell of the map is 10 × 10 pixels
    np.testing.assert_allclose(shown[10:, 30:], own[10:, 30:] / 2, atol=1.5)
    assert shown[:10, 10:].max() == shown[10:, :30].max() == 0


def test_alpha_scaling_keeps_what_matters_and_whitens_the_rest():
    shown = np.asarray(render_image(explained(grid_of_one(-1.0, at=(1, 2))), Look("alpha_scaling")), float)
    np.testing.assert_array_equal(shown[10:, 20:30], np.asarray(image(), float)[10:, 20:30])
    assert shown[:10].min() == shown[:, :20].min() == shown[:, 30:].min() == 255


def test_an_overlay_is_grey_where_nothing_pushes_and_coloured_where_something_does():
    scores = grid_of_one(1.0)
    scores[0, 0, 1] = -1.0
    shown = np.asarray(render_image(explained(scores), Look("overlay")), float)
    grey = np.asarray(image().convert("L"), float)[..., None]
    np.testing.assert_array_equal(shown[10:], np.repeat(grey[10:], 3, axis=2))
    np.testing.assert_allclose(
        shown[:10, :10], OVERLAY_OPACITY * np.array(BLUE) + (1 - OVERLAY_OPACITY) * grey[:10, :10], atol=1.5
    )
    np.testing.assert_allclose(
        shown[:10, 10:20], OVERLAY_OPACITY * np.array(ORANGE) + (1 - OVERLAY_OPACITY) * grey[:10, 10:20], atol=1.5
    )


def test_a_heatmap_is_white_at_zero_and_does_not_show_the_picture():
    shown = np.asarray(render_image(explained(grid_of_one(2.0)), Look("heatmap")))
    assert (shown[:10, :10] == BLUE).all()
    assert (shown[10:] == 255).all()


def test_a_sign_that_is_not_asked_for_is_not_drawn():
    scores = grid_of_one(1.0)
    scores[0, 0, 1] = -1.0
    for sign, places in (("positive", {0: BLUE}), ("negative", {1: ORANGE}), ("absolute", {0: BLUE, 1: BLUE})):
        shown = np.asarray(render_image(explained(scores), Look("heatmap", sign)))
        for column in (0, 1):
            assert (shown[:10, 10 * column : 10 * column + 10] == places.get(column, (255, 255, 255))).all()


def test_the_map_lies_on_the_part_that_the_model_reads_and_the_rest_is_veiled():
    cut = explained(grid_of_one(1.0, 2, 2), frame=(0.25, 0.0, 0.75, 1.0))
    shown = np.asarray(render_image(cut, Look("masked_image")), float)
    own = np.asarray(image(), float)
    np.testing.assert_array_equal(shown[:10, 10:20], own[:10, 10:20])
    assert shown[:, 20:30].max() == 0
    np.testing.assert_allclose(shown[:, :10], 0.55 * 128 + 0.45 * own[:, :10], atol=1.5)
    np.testing.assert_allclose(shown[:, 30:], 0.55 * 128 + 0.45 * own[:, 30:], atol=1.5)


def test_padding_beyond_the_picture_is_cut_off():
    padded = explained(grid_of_one(1.0, 2, 2, (0, 1)), frame=(0.0, -0.5, 1.0, 1.5))
    shown = np.asarray(render_image(padded, Look("heatmap")))
    assert (shown[:10, 20:] == BLUE).all()
    assert (shown[10:] == 255).all()
    assert (shown[:, :20] == 255).all()


def test_on_the_models_pixels_the_view_is_the_part_that_it_reads_at_its_own_size():
    cut = explained(np.ones((1, 20, 20)), frame=(0.25, 0.0, 0.75, 1.0))
    shown = render_image(cut, Look("masked_image", original=False))
    assert shown.size == (20, 20)
    np.testing.assert_array_equal(np.asarray(shown), np.asarray(image().crop((10, 0, 30, 20))))


def decoded(array: dict) -> np.ndarray:
    """A Plotly array, as its JSON has it."""
    values = np.frombuffer(base64.b64decode(array["bdata"]), dtype=np.dtype(array["dtype"]))
    return values.reshape([int(n) for n in array["shape"].split(",")])


@pytest.mark.parametrize("scale", [1e-9, 1.0, 300.0, 1e7])
def test_the_numbers_under_the_pointer_are_the_scores_to_four_digits(scale):
    scores = scale * random(3, 30, 20)
    trace = json.loads(draw_figure(explained(scores), Look("heatmap")).to_json())["data"][0]
    power = trace["hovertemplate"].split("%{z:+d}")[1].split("<extra>")[0].replace(" × 10", "")
    ten = int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)
    values = scores.sum(0)
    np.testing.assert_allclose(decoded(trace["z"]) * 10.0**ten, values, atol=2e-4 * np.abs(values).max())
    full = find_limit(values, 0.1)
    assert trace["zmax"] * 10.0**ten == pytest.approx(full, rel=1e-4)
    assert trace["zmin"] == -trace["zmax"]


@pytest.mark.parametrize("original", [True, False])
def test_a_cell_of_the_figure_lies_where_the_model_reads_it(original):
    cut = explained(random(1, 10, 10), frame=(0.25, 0.0, 0.75, 1.0))
    trace = json.loads(draw_figure(cut, Look("heatmap", original=original)).to_json())["data"][0]
    assert (trace["x0"], trace["dx"], trace["y0"], trace["dy"]) == ((11, 2, 1, 2) if original else (0.5, 1, 0.5, 1))
    assert "right %{x:.0f}, down %{y:.0f}" in trace["hovertemplate"]
    shapes = json.loads(draw_figure(cut, Look("heatmap", original=original)).to_json())["layout"].get("shapes", [])
    assert [(s["x0"], s["x1"]) for s in shapes] == ([(0, 10), (30, 40)] if original else [])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side_by_side", [False, True])
def test_a_figure_of_a_photograph_is_small_and_holds_all_that_it_needs(kind, side_by_side):
    photographed = explained(
        random(3, 224, 224),
        request=Request("image_classification", "m", {"image": PHOTOGRAPHS[1].picture}),
    )
    text = draw_figure(photographed, Look(kind, side_by_side=side_by_side)).to_json()
    pictures = json.loads(text)["layout"].get("images", [])
    assert len(pictures) == (kind != "heatmap") + side_by_side
    assert all(picture["source"].startswith("data:image/jpeg;base64,") for picture in pictures)
    photographs = sum(len(picture["source"]) for picture in pictures)
    assert len(text) - photographs < 250_000  # 134 kB of base64, in which Plotly writes each slash as six signs
    assert photographs < 90_000 * len(pictures) + 1
    assert "http" not in text


def test_the_columns_of_a_figure_side_by_side_are_the_picture_and_the_view():
    layout = json.loads(draw_figure(explained(random(1, 4, 8)), Look("overlay", side_by_side=True)).to_json())["layout"]
    assert [picture["xref"] for picture in layout["images"]] == ["x", "x2"]
    assert layout["xaxis"]["domain"][1] < layout["xaxis2"]["domain"][0]
    assert layout["yaxis"]["scaleanchor"] == "x"
    assert layout["yaxis2"]["scaleanchor"] == "x2"
    assert layout["yaxis"]["range"] == layout["yaxis2"]["range"] == [20, 0]  # rows run down


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_pictures_bytes_the_map_is_a_bare_heatmap(kind):
    scores = random(1, 4, 8)
    request = Request("image_classification", "m", {"image": Picture(b"", "0" * 64)})
    bare = explained(scores, request=request)
    assert json.loads(draw_figure(bare, Look(kind, side_by_side=True)).to_json())["layout"].get("images") is None
    shown = render_image(bare, Look(kind, outlier_threshold=0.0))
    assert shown.size == (8, 4)
    strongest = np.unravel_index(np.abs(scores[0]).argmax(), (4, 8))
    assert shown.getpixel(strongest[::-1]) == (BLUE if scores[0][strongest] > 0 else ORANGE)


def test_a_map_of_nothing_is_drawn_white_and_said():
    nothing = explained(np.zeros((3, 4, 8)))
    assert (np.asarray(render_image(nothing, Look("heatmap"))) == 255).all()
    assert "every score is 0" in describe_figure(nothing, Look())
    assert draw_figure(nothing, Look()).data[0].zmax > 0


def test_regions_hold_their_shares_of_one_direction():
    values = np.zeros((9, 9), np.float32)
    values[0:3, 6:9] = 1  # 9 in the upper right
    values[4, 4] = 3
    values[8, 0] = -5
    assert [(r.name, r.share) for r in rank_regions(values)[:2]] == [("the upper right", 0.75), ("the middle", 0.25)]
    assert [(r.name, r.share) for r in rank_regions(values, -1)[:1]] == [("the lower left", 1.0)]
    assert rank_regions(np.zeros((9, 9), np.float32)) == []


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (3, 3), (14, 14)])
def test_the_shares_of_all_regions_make_one_whatever_the_size_of_the_map(shape):
    values = np.abs(random(*shape)).astype(np.float32) + 0.1
    assert sum(region.share for region in rank_regions(values)) == pytest.approx(1.0)


def test_the_text_for_those_who_do_not_see_says_where_and_how_much():
    scores = np.zeros((1, 9, 9))
    scores[0, 0, 8], scores[0, 8, 0] = 0.25, -0.125
    said = describe_figure(explained(scores), Look("overlay"))
    assert said == (
        "Overlay of 9 rows and 9 columns: 100 % of the push towards cat lies in the upper right; "
        "100 % of the push away from cat lies in the lower left. The largest score is 0.25."
    )
    assert "in either direction" in describe_figure(replace(explained(scores), signed=False), Look())


@pytest.mark.parametrize("wrong", [{"kind": "blend"}, {"sign": "both"}, {"outlier_threshold": 1.0}])
def test_a_look_that_there_is_not_is_refused_with_what_there_is(wrong):
    with pytest.raises(BadRequest, match=r"Give one of|is not a share"):
        Look(**wrong)


def test_a_png_of_a_large_picture_is_as_large_as_the_picture():
    large = Image.effect_noise((2_400, 1_800), 30).convert("RGB")
    request = Request("image_classification", "m", {"image": Picture.of(large)})
    file = render_png(explained(random(1, 7, 7), request=request), Look("overlay"))
    assert struct.unpack(">II", file[16:24]) == (2_400, 1_800)  # PNG's own header


def test_signs_are_chosen_before_the_limit_is_found():
    values = np.array([[8.0, -1.0]], np.float32)
    assert find_limit(select_sign(values, "negative"), 0.0) == 1.0
