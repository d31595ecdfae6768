"""An image's scores as strengths and colours; strengths are compared with Captum's."""

import numpy as np
import pytest
from captum.attr._utils import visualization as captum

from explainers.errors import BadRequest
from explainers.visualization.image.heatmap import (
    KINDS,
    SIGNS,
    Look,
    compute_strengths,
    find_limit,
    render_layer,
    select_sign,
)
from explainers.visualization.palette import AWAY, OVERLAY_OPACITY, TOWARDS, split_rgb
from tests.support.image_explanations import explain_image, make_random_scores

BLUE, ORANGE = split_rgb(TOWARDS["light"]), split_rgb(AWAY["light"])


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("threshold", [0.001, 0.02, 0.1, 0.5])  # at 0 Captum raises: its sum rounds up
def test_strengths_equal_those_of_captum(sign, threshold):
    scores = make_random_scores(3, 16, 12)
    named = "absolute_value" if sign == "absolute" else sign
    theirs = captum._normalize_attr(scores.sum(0), named, 100 * threshold)
    if sign == "negative":
        theirs = -theirs  # Captum turns them round: its negative scores are drawn by their size
    ours = compute_strengths(explain_image(scores), Look(sign=sign, outlier_threshold=threshold))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_scores_beyond_the_limit_hold_the_outlier_threshold():
    values = np.array([[1.0, -2.0], [3.0, -4.0]])
    assert find_limit(values, 0.0) == 4.0
    assert find_limit(values, 0.4) == 3.0  # 4 of 10 lie beyond it
    assert find_limit(values, 0.41) == 3.0
    assert find_limit(values, 0.71) == 2.0
    assert find_limit(np.zeros((2, 2)), 0.1) == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_each_view_has_its_colours_at_minus_one_zero_and_one(kind):
    over = round(255 * OVERLAY_OPACITY)
    right = {
        "heatmap": [(*ORANGE, 255), (255, 255, 255, 255), (*BLUE, 255)],
        "overlay": [(*ORANGE, over), (*BLUE, 0), (*BLUE, over)],
        "masked_image": [(0, 0, 0, 0), (0, 0, 0, 255), (0, 0, 0, 0)],
        "alpha_scaling": [(255, 255, 255, 0), (255, 255, 255, 255), (255, 255, 255, 0)],
    }[kind]
    assert [tuple(pixel) for pixel in render_layer(np.array([[-1.0, 0.0, 1.0]]), kind)[0]] == right


@pytest.mark.parametrize("wrong", [{"kind": "blend"}, {"sign": "both"}, {"outlier_threshold": 1.0}])
def test_an_invalid_look_is_refused_with_the_valid_values(wrong):
    with pytest.raises(BadRequest, match=r"Give one of|is not a share"):
        Look(**wrong)


def test_the_limit_is_that_of_the_selected_signs():
    values = np.array([[8.0, -1.0]], np.float32)
    assert find_limit(select_sign(values, "negative"), 0.0) == 1.0
