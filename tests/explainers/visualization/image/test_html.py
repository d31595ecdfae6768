"""The legend, regions, summary and HTML page of an image."""

import re
from dataclasses import replace

import numpy as np
import pytest

from explainers.export.html import to_html
from explainers.inputs.images import PHOTOGRAPHS
from explainers.request import Picture, Request, Target
from explainers.visualization.image.heatmap import Look
from explainers.visualization.image.html import list_regions, render_image_legend
from explainers.visualization.summaries.classification import describe_explanation
from tests.support.image_explanations import explain_image

EVIL = "<img src=x onerror=alert(1)>"


def spotted(towards: float = 4.0, away: float = 1.0) -> np.ndarray:
    """All that pushes towards lies in the upper right, all that pushes away in the lower left."""
    scores = np.zeros((1, 9, 9))
    scores[0, :3, 6:] = towards / 9
    scores[0, 8, 0] = -away
    return scores


def test_the_summary_names_the_strongest_region_of_each_direction():
    said = describe_explanation(explain_image(spotted()))
    assert "100 % of the push towards it lies in <strong>the upper right</strong>" in said
    assert "of the push away from it lies in <strong>the lower left</strong>." in said


def test_the_summary_leaves_out_a_weak_direction():
    assert "away" not in describe_explanation(explain_image(spotted(away=0.5)))
    assert describe_explanation(explain_image(spotted(towards=0.5, away=4.0))).count("push") == 1


def test_the_summary_says_if_no_region_stands_out():
    assert "No region stands out" in describe_explanation(explain_image(np.ones((1, 9, 9))))
    assert "Every region has the score 0" in describe_explanation(explain_image(np.zeros((1, 9, 9))))


def test_the_summary_of_a_contrast_names_both_labels():
    target = Target("cat", 0, foil="dog", probability=0.7)
    said = describe_explanation(explain_image(spotted(), targets=(target,)))
    assert re.search(r"towards <strong><bdi>cat</bdi></strong> lies in <strong>the upper right", said)
    assert re.search(r"towards <strong><bdi>dog</bdi></strong> lies in <strong>the lower left", said)


def test_regions_sum_to_all_scores():
    found = list_regions(explain_image(spotted()))
    assert [(cells["text"], cells["score"]) for cells in found[:2]] == [
        ("the upper right", pytest.approx(4.0)),
        ("the lower left", pytest.approx(-1.0)),
    ]
    assert sum(float(cells["share"]) for cells in found) == pytest.approx(1.0)
    assert len(found) == 9


@pytest.mark.parametrize(
    ("look", "there", "absent"),
    [
        (Look("overlay"), ("towards cat", "away from cat"), ("either",)),
        (Look("heatmap", "positive"), ("towards cat",), ("away",)),
        (Look("heatmap", "negative"), ("away from cat",), ("towards",)),
        (Look("overlay", "absolute"), ("in either direction",), ("away",)),
        (Look("masked_image"), ("the rest is black",), ("towards",)),
        (Look("alpha_scaling"), ("fade",), ("towards",)),
    ],
)
def test_the_legend_names_only_the_shown_colours(look, there, absent):
    said = render_image_legend(explain_image(spotted()), look).split("</style>")[1]
    assert all(word in said for word in there)
    assert not any(word in said for word in absent)


def test_the_legend_credits_the_photographer_and_says_what_is_not_read():
    photographed = explain_image(
        spotted(),
        request=Request("image_classification", "m", {"image": PHOTOGRAPHS[1].picture}),
        frame=(0.25, 0.0, 0.75, 1.0),
    )
    said = render_image_legend(photographed, Look())
    assert PHOTOGRAPHS[1].credit in said
    assert "The model does not read the part under the grey veil." in said
    assert "veil" not in render_image_legend(photographed, Look(original=False))
    lost = replace(photographed, request=Request("image_classification", "m", {"image": Picture(b"", "0" * 64)}))
    assert "The image itself is not available" in render_image_legend(lost, Look())


def test_a_page_has_four_images_and_escapes_labels():
    target = Target(EVIL, 0, foil=EVIL + "2", probability=0.7)
    page = to_html(explain_image(spotted(), targets=(target,)))
    assert page.count('<img src="data:image/png;base64,') == 4
    assert page.count("<img") == 4
    assert "img-src data:;" in page
    assert page.count("<figcaption>") == 4
    assert "http" not in re.sub(r'base64,[^"]*"', "", page).replace("http-equiv", "")
