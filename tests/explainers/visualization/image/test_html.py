"""The words around an image's map: its legend, its regions, its sentence, and the page that opens offline."""

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
from tests.explainers.visualization.image.test_figure import explained

EVIL = "<img src=x onerror=alert(1)>"


def spotted(towards: float = 4.0, away: float = 1.0) -> np.ndarray:
    """All that pushes towards lies in the upper right, all that pushes away in the lower left."""
    scores = np.zeros((1, 9, 9))
    scores[0, :3, 6:] = towards / 9
    scores[0, 8, 0] = -away
    return scores


def test_the_sentence_names_the_part_where_most_of_each_push_lies():
    said = describe_explanation(explained(spotted()))
    assert "100 % of the push towards it lies in <strong>the upper right</strong>" in said
    assert "of the push away from it lies in <strong>the lower left</strong>." in said


def test_the_sentence_leaves_out_a_direction_that_is_weak_beside_the_other():
    assert "away" not in describe_explanation(explained(spotted(away=0.5)))
    assert describe_explanation(explained(spotted(towards=0.5, away=4.0))).count("push") == 1


def test_the_sentence_says_when_nothing_stands_out_or_moves():
    assert "No region stands out" in describe_explanation(explained(np.ones((1, 9, 9))))
    assert "Every region has the score 0" in describe_explanation(explained(np.zeros((1, 9, 9))))


def test_the_sentence_with_a_foil_pushes_towards_one_or_the_other():
    target = Target("cat", 0, foil="dog", probability=0.7)
    said = describe_explanation(explained(spotted(), targets=(target,)))
    assert re.search(r"towards <strong><bdi>cat</bdi></strong> lies in <strong>the upper right", said)
    assert re.search(r"towards <strong><bdi>dog</bdi></strong> lies in <strong>the lower left", said)


def test_places_add_up_to_all_scores_and_all_credit():
    found = list_regions(explained(spotted()))
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
def test_the_legend_names_the_colours_that_are_shown_and_no_others(look, there, absent):
    said = render_image_legend(explained(spotted()), look).split("</style>")[1]
    assert all(word in said for word in there)
    assert not any(word in said for word in absent)


def test_the_legend_credits_the_photographer_and_says_what_is_not_read():
    photographed = explained(
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


def test_a_page_holds_four_pictures_and_nothing_of_a_hostile_label_as_markup():
    target = Target(EVIL, 0, foil=EVIL + "2", probability=0.7)
    page = to_html(explained(spotted(), targets=(target,)))
    assert page.count('<img src="data:image/png;base64,') == 4
    assert page.count("<img") == 4
    assert "img-src data:;" in page
    assert page.count("<figcaption>") == 4
    assert "http" not in re.sub(r'base64,[^"]*"', "", page).replace("http-equiv", "")
