"""The summary and the measures of a faithfulness test."""

import math
from dataclasses import replace

import numpy as np
import pytest

from explainers.request import Target
from explainers.results.faithfulness import Curves, Faithfulness, Measure
from explainers.visualization.summaries.classification import describe_explanation
from explainers.visualization.summaries.faithfulness import describe_faithfulness, render_measures
from tests.support.explanations import EVIL, ParsedHtml, make_explanation
from tests.support.faithfulness import RANDOM, make_faithfulness, make_measure
from tests.support.sentences import HOSTILE

SKETCH = "This explanation is only a sketch"


def summarize(faithfulness: Faithfulness) -> str:
    return ParsedHtml(describe_faithfulness(faithfulness)).text()


def test_the_sentence_of_a_faithful_explanation():
    assert summarize(make_faithfulness()) == (
        "Removing the words that this explanation ranks highest lowers the probability of POSITIVE by 0.61 on average; "
        "random words lower it by 0.12. The explanation beats chance: it does better than 30 of 30 random rankings."
    )


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (make_measure(good=18 / 31, bad=14 / 31), "cannot be distinguished from chance: it does better than 13 of 30"),
        (make_measure(value=-0.2, good=1.0, bad=1 / 31), "does worse than chance: it does better than 0 of 30"),
        (make_measure(value=-0.2, good=1.0, bad=1 / 31), "raises the probability of POSITIVE by 0.20"),
        (make_measure(value=0.001, good=0.5, bad=0.5), "hardly changes the probability of POSITIVE on average"),
    ],
)
def test_an_explanation_that_does_not_beat_chance_is_called_so(own, words):
    assert words in summarize(make_faithfulness(own))


def test_a_short_text_is_compared_with_every_order_or_is_too_short():
    every = Curves(np.tile(RANDOM[:1], (24, 1)), np.tile(RANDOM[:1], (24, 1)))
    four = make_faithfulness(make_measure(good=1 / 24), pieces=4, random=every, every_order=True)
    assert four.verdict == "beats chance"
    assert "better than 23 of the 23 other orders of these 4 words" in summarize(four)
    for pieces, orders in ((3, "6 orders"), (2, "2 orders"), (1, "one order")):
        count = math.factorial(pieces)
        few = Curves(np.tile(RANDOM[:1], (count, 1)), np.tile(RANDOM[:1], (count, 1)))
        short = make_faithfulness(make_measure(good=1 / count), pieces=pieces, random=few, every_order=True)
        assert summarize(short).startswith(
            f"Too short to tell. {pieces} word{'s' * (pieces > 1)} can be removed in only {orders}"
        )


def test_the_explained_number_is_named_by_unit_and_labels():
    assert "the log-odds of POSITIVE by" in summarize(make_faithfulness(unit="log_odds"))
    assert "the lead of A over B by" in summarize(
        make_faithfulness(unit="logit_margin", target=Target("A", 0, foil="B"))
    )
    assert "Removing the squares" in summarize(make_faithfulness(piece="square"))


@pytest.mark.parametrize("evil", [*EVIL, *HOSTILE.values()])
def test_labels_are_escaped(evil):
    for target in (Target(evil, 0), Target("A", 0, foil=evil), Target("A", 0, text=evil)):
        page = ParsedHtml(f"<style></style>{describe_faithfulness(make_faithfulness(target=target))}")
        assert {tag for tag, _ in page.elements} <= {"strong", "bdi", "style", "span"}
        assert all(set(attributes) <= {"class", "title"} for _, attributes in page.elements)


def test_the_summary_doubts_only_explanations_that_do_not_beat_chance():
    def answer(own: Measure | None) -> str:
        return ParsedHtml(describe_explanation(make_explanation(), 0, own and make_faithfulness(own))).text()

    usual = answer(None)
    assert answer(make_measure()) == usual
    assert answer(make_measure(good=0.5, bad=0.5)) == f"{usual} {SKETCH}: it cannot be distinguished from chance."
    assert answer(make_measure(good=1.0, bad=0.03)) == f"{usual} {SKETCH}: it does worse than chance."


def test_each_measure_is_a_row_with_meaning_and_result():
    page = ParsedHtml(render_measures(make_faithfulness()))
    text = page.text()
    assert [tag for tag, _ in page.elements].count("tr") == 4
    assert text.count("How far it falls. Higher is better.") == 3
    assert "0.61" in text
    assert "0.12 (−0.01 to 0.30)beats chance" in text
    assert "not defined" in text
    escaped = make_faithfulness(replace(make_measure(), label=EVIL[0], summary=EVIL[1]))
    assert {tag for tag, _ in ParsedHtml(render_measures(escaped)).elements} <= {
        *("table", "thead", "tbody", "tr", "th", "td", "div", "small", "span")
    }
