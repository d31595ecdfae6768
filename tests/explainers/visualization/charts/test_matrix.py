"""The heatmap of all targets by all words."""

import json
from dataclasses import replace

import numpy as np
import pytest

from explainers.request import Request, Target
from explainers.results.explanation import Explanation, Feature, Prediction
from explainers.visualization.charts.matrix import WIDEST, describe_target_matrix, draw_target_matrix
from tests.support.explanations import EVIL

TEXT = "one two one two"
FEATURES = tuple(Feature(word, "text", 4 * i, 4 * i + 3, i) for i, word in enumerate(TEXT.split()))
TARGETS = (Target("joy", 0), Target("fear", 1), Target("PER", 2, text="Ada"))


def several(scores, text=TEXT, features=FEATURES, targets=TARGETS) -> Explanation:
    scores = np.array(scores, np.float32)
    values = np.zeros(len(targets), np.float32)
    request = Request("text_classification", "sentiment", {"text": text})
    return Explanation(
        request, features, targets, scores, values, values, "probability", True, True, Prediction(targets)
    )


SCORES = [[1, 2, 3, -4], [0, np.nan, 0.5, 0], [0.25, 0, 0, 0]]


def heatmap(figure):
    (trace,) = figure.data
    return trace


def test_each_cell_is_a_score_and_equal_words_stay_apart():
    figure = draw_target_matrix(several(SCORES), [0, 1, 2])
    assert [list(row) for row in heatmap(figure).z] == [[1, 2, 3, -4], [0, None, 0.5, 0], [0.25, 0, 0, 0]]
    assert list(figure.layout.xaxis.ticktext) == ["one", "two", "one", "two"]
    assert list(figure.layout.yaxis.ticktext) == ["joy", "fear", "Ada: PER"]


def test_the_colour_scale_is_symmetric_and_0_is_transparent():
    trace = heatmap(draw_target_matrix(several(SCORES), [0, 1, 2]))
    assert (trace.zmin, trace.zmid, trace.zmax) == (-4, 0, 4)
    assert [colour for place, colour in trace.colorscale if place == 0.5] == [
        "rgba(253, 184, 99, 0)",
        "rgba(103, 169, 207, 0)",
    ]


def test_only_the_requested_rows_are_drawn():
    figure = draw_target_matrix(several(SCORES), [1])
    assert list(figure.layout.yaxis.ticktext) == ["fear"]
    assert heatmap(figure).zmax == 0.5


def test_a_long_text_keeps_its_strongest_words_in_reading_order():
    words = [f"w{i:03}" for i in range(2 * WIDEST)]
    features = tuple(Feature(word, "text", 5 * i, 5 * i + 4, i) for i, word in enumerate(words))
    scores = [[(-1) ** i * (i + 1) for i in range(len(words))]]
    figure = draw_target_matrix(several(scores, " ".join(words), features, TARGETS[:1]), [0])
    assert list(figure.layout.xaxis.ticktext) == words[WIDEST:]


@pytest.mark.parametrize("evil", EVIL)
def test_labels_and_words_are_escaped(evil):
    features = (Feature(evil, "text", 0, len(evil), 0),)
    figure = draw_target_matrix(several([[1.0]], evil, features, (Target(evil, 0),)), [0])
    written = json.loads(figure.to_json())
    names = [*written["layout"]["yaxis"]["ticktext"], *written["layout"]["xaxis"]["ticktext"]]
    for row in written["data"][0]["customdata"]:
        names += [name for cell in row for name in cell]
    assert not [name for name in names if "<" in name or "$" in name]


def test_the_description_names_the_strongest_word_of_each_row():
    assert (
        describe_target_matrix(several(SCORES), [0, 2])
        == "Heatmap of 2 rows. Strongest in each: joy: two −4.00; Ada: PER: one +0.25."
    )


def test_scores_of_0_have_a_colour_limit():
    assert heatmap(draw_target_matrix(replace(several(SCORES), scores=np.zeros((3, 4), np.float32)), [0])).zmax == 1
