"""The words with the largest scores as a bar chart."""

import json
import time

import numpy as np
import pytest

from explainers.request import Target
from explainers.visualization.charts.bars import describe_bars, draw_bars
from explainers.visualization.palette import AWAY, TOWARDS
from explainers.visualization.summaries.score_table import list_scores
from tests.support.explanations import AGAINST, EVIL, make_explanation
from tests.support.sentences import HOSTILE


def draw(explanation, **most):
    figure = draw_bars(explanation, **most)
    (trace,) = figure.data
    return figure, trace


def list_strings(node):
    """Return every text of a figure."""
    if isinstance(node, dict):
        return [text for value in node.values() for text in list_strings(value)]
    if isinstance(node, list):
        return [text for value in node for text in list_strings(value)]
    return [node] if isinstance(node, str) else []


def test_equal_words_stay_apart():
    figure, trace = draw(make_explanation("so so so", (0.3, 0.2, -0.1)))
    assert list(trace.y) == [0, 1, 2]
    assert list(trace.x) == pytest.approx([0.3, 0.2, -0.1])
    assert list(figure.layout.yaxis.ticktext) == ["so", "so", "so"]
    assert list(figure.layout.yaxis.tickvals) == [0, 1, 2]
    assert figure.layout.yaxis.autorange == "reversed"


def test_bars_are_sorted_by_strength_and_coloured_by_sign():
    figure, trace = draw(make_explanation(scores=(0.1, -0.5, 0.3)))
    assert list(figure.layout.yaxis.ticktext) == ["bad", "film", "good"]
    assert list(trace.marker.color) == [AWAY["either"], TOWARDS["either"], TOWARDS["either"]]
    assert list(trace.text) == ["−0.50", "+0.30", "+0.10"]
    low, high = figure.layout.xaxis.range
    assert low == -high
    assert high > 0.5


@pytest.mark.parametrize("evil", [*EVIL, *HOSTILE.values(), "$x$ <b>bold</b> %{x}"])
def test_texts_of_a_figure_are_neither_markup_nor_formula(evil):
    for explanation in (
        make_explanation(evil),
        make_explanation(label=evil),
        make_explanation(target=Target("A", 0, foil=evil)),
    ):
        figure, _ = draw(explanation)
        layout, (data,) = json.loads(figure.to_json())["layout"], json.loads(figure.to_json())["data"]
        layout.pop("template")
        assert data.pop("hovertemplate") == "%{customdata}: %{x:.4g}<extra></extra>"
        assert not [text for text in list_strings([layout, data]) if set(text) & set("<>\"'$")]


def test_plotly_text_uses_numeric_entities():
    figure, _ = draw(make_explanation('"a" <b> &'))
    assert {*figure.layout.yaxis.ticktext} == {"a", "b", "&#34;", "&lt;", "&gt;", "&amp;"}


def test_the_axis_names_direction_and_unit():
    assert draw(make_explanation())[0].layout.xaxis.title.text == "Score towards POSITIVE, in probability"
    assert draw(make_explanation(target=AGAINST))[0].layout.xaxis.title.text == (
        "Score towards POSITIVE rather than NEGATIVE, in probability"
    )
    unsigned, trace = draw(make_explanation(signed=False, additive=False, scores=(0.3,)))
    assert unsigned.layout.xaxis.title.text == "Score for POSITIVE"
    assert set(trace.text) == {"0.30"}


def test_the_description_lists_the_bars():
    assert (
        describe_bars(make_explanation())
        == "Bars. Score towards POSITIVE, in probability: good +0.30; bad −0.20; film +0.05."
    )
    assert describe_bars(make_explanation(), most=1).endswith(": good +0.30.")
    assert (
        describe_bars(make_explanation(signed=False, additive=False))
        == "Bars. Score for POSITIVE: good 0.30; bad −0.20; film 0.05."
    )


@pytest.mark.parametrize(
    ("text", "scores"), [("word", (0.4,)), ("good bad film", (0.0,)), ("good bad", (float("nan"),))]
)
def test_small_and_empty_figures_have_a_scale(text, scores):
    figure, trace = draw(make_explanation(text, scores))
    low, high = figure.layout.xaxis.range
    assert low == -high < 0
    assert all(np.isfinite(trace.x))
    assert figure.layout.height >= 80
    assert describe_bars(make_explanation(text, scores)).endswith(".")


def test_a_thousand_words_are_drawn_in_two_seconds():
    explanation = make_explanation("word " * 1000, tuple(np.sin(np.arange(1000))))
    started = time.process_time()
    figure, trace = draw(explanation, most=50)
    assert time.process_time() - started < 2
    assert len(trace.y) == 50
    assert figure.layout.height == 80 + 28 * 50
    assert len(list_scores(explanation)) == 1000


def test_the_table_has_the_same_scores_as_the_bars():
    explanation = make_explanation(scores=(0.1, -0.5, 0.4))
    found = list_scores(explanation)
    assert [row["text"] for row in found] == ["bad", "film", "good"]
    assert [row["score"] for row in found] == pytest.approx([-0.5, 0.4, 0.1])
    assert [row["share"] for row in found] == pytest.approx([0.5, 0.4, 0.1])
    assert [(row["input"], row["start"], row["end"]) for row in found] == [
        ("text", 5, 8),
        ("text", 9, 13),
        ("text", 0, 4),
    ]
    assert [row["share"] for row in list_scores(make_explanation(scores=(0.0,)))] == [0, 0, 0]
    assert len(list_scores(explanation, most=2)) == 2
