"""An image's scores as a Plotly figure."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from explainers.inputs.images import PHOTOGRAPHS
from explainers.request import Picture, Request
from explainers.results.explanation import sum_channels
from explainers.visualization.image.figure import describe_figure, draw_figure
from explainers.visualization.image.heatmap import KINDS, Look, find_limit
from explainers.visualization.image.render import render_image
from explainers.visualization.palette import AWAY, TOWARDS, split_rgb
from tests.support.image_explanations import explain_image, make_random_scores

BLUE, ORANGE = split_rgb(TOWARDS["light"]), split_rgb(AWAY["light"])


def test_channels_are_summed():
    scores = make_random_scores(3, 4, 5)
    np.testing.assert_allclose(sum_channels(explain_image(scores)), scores.sum(0), rtol=1e-5)


def decoded(array: dict) -> np.ndarray:
    """A Plotly array, as its JSON has it."""
    values = np.frombuffer(base64.b64decode(array["bdata"]), dtype=np.dtype(array["dtype"]))
    return values.reshape([int(n) for n in array["shape"].split(",")])


@pytest.mark.parametrize("scale", [1e-9, 1.0, 300.0, 1e7])
def test_hover_numbers_are_the_scores_to_four_digits(scale):
    scores = scale * make_random_scores(3, 30, 20)
    trace = json.loads(draw_figure(explain_image(scores), Look("heatmap")).to_json())["data"][0]
    power = trace["hovertemplate"].split("%{z:+d}")[1].split("<extra>")[0].replace(" × 10", "")
    ten = int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)
    values = scores.sum(0)
    np.testing.assert_allclose(decoded(trace["z"]) * 10.0**ten, values, atol=2e-4 * np.abs(values).max())
    full = find_limit(values, 0.1)
    assert trace["zmax"] * 10.0**ten == pytest.approx(full, rel=1e-4)
    assert trace["zmin"] == -trace["zmax"]


@pytest.mark.parametrize("original", [True, False])
def test_cells_of_the_figure_lie_on_the_frame(original):
    cut = explain_image(make_random_scores(1, 10, 10), frame=(0.25, 0.0, 0.75, 1.0))
    trace = json.loads(draw_figure(cut, Look("heatmap", original=original)).to_json())["data"][0]
    assert (trace["x0"], trace["dx"], trace["y0"], trace["dy"]) == ((11, 2, 1, 2) if original else (0.5, 1, 0.5, 1))
    assert "right %{x:.0f}, down %{y:.0f}" in trace["hovertemplate"]
    shapes = json.loads(draw_figure(cut, Look("heatmap", original=original)).to_json())["layout"].get("shapes", [])
    assert [(s["x0"], s["x1"]) for s in shapes] == ([(0, 10), (30, 40)] if original else [])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side_by_side", [False, True])
def test_a_figure_is_small_and_self_contained(kind, side_by_side):
    photographed = explain_image(
        make_random_scores(3, 224, 224),
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


def test_side_by_side_shows_the_image_and_the_view():
    layout = json.loads(
        draw_figure(explain_image(make_random_scores(1, 4, 8)), Look("overlay", side_by_side=True)).to_json()
    )["layout"]
    assert [picture["xref"] for picture in layout["images"]] == ["x", "x2"]
    assert layout["xaxis"]["domain"][1] < layout["xaxis2"]["domain"][0]
    assert layout["yaxis"]["scaleanchor"] == "x"
    assert layout["yaxis2"]["scaleanchor"] == "x2"
    assert layout["yaxis"]["range"] == layout["yaxis2"]["range"] == [20, 0]  # rows run down


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_image_there_is_a_bare_heatmap(kind):
    scores = make_random_scores(1, 4, 8)
    request = Request("image_classification", "m", {"image": Picture(b"", "0" * 64)})
    bare = explain_image(scores, request=request)
    assert json.loads(draw_figure(bare, Look(kind, side_by_side=True)).to_json())["layout"].get("images") is None
    shown = render_image(bare, Look(kind, outlier_threshold=0.0))
    assert shown.size == (8, 4)
    strongest = np.unravel_index(np.abs(scores[0]).argmax(), (4, 8))
    assert shown.getpixel(strongest[::-1]) == (BLUE if scores[0][strongest] > 0 else ORANGE)


def test_scores_of_0_are_white_and_described():
    nothing = explain_image(np.zeros((3, 4, 8)))
    assert (np.asarray(render_image(nothing, Look("heatmap"))) == 255).all()
    assert "every score is 0" in describe_figure(nothing, Look())
    assert draw_figure(nothing, Look()).data[0].zmax > 0


def test_the_description_names_regions_and_shares():
    scores = np.zeros((1, 9, 9))
    scores[0, 0, 8], scores[0, 8, 0] = 0.25, -0.125
    said = describe_figure(explain_image(scores), Look("overlay"))
    assert said == (
        "Overlay of 9 rows and 9 columns: 100 % of the push towards cat lies in the upper right; "
        "100 % of the push away from cat lies in the lower left. The largest score is 0.25."
    )
    assert "in either direction" in describe_figure(replace(explain_image(scores), signed=False), Look())
