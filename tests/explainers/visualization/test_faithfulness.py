"""What a checked map says: its sentence, its doubts, its numbers, its curves, its files; foreign text stays inert."""

import csv
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from explainers.export.faithfulness import to_csv, to_json
from explainers.request import Target
from explainers.results.faithfulness import Curves, Faithfulness, Measure
from explainers.visualization.charts.perturbation_curves import describe_curve, draw_curve
from explainers.visualization.summaries.classification import describe_explanation
from explainers.visualization.summaries.faithfulness import describe_faithfulness, render_measures
from explainers.visualization.text.escape import escape_plain
from tests.support.explanations import EVIL, Page, scored
from tests.support.faithfulness import RANDOM, make_faithfulness, make_measure
from tests.support.sentences import HOSTILE


def said(faithfulness: Faithfulness) -> str:
    return Page(describe_faithfulness(faithfulness)).text()


def test_a_map_that_beats_chance_says_so_with_both_numbers():
    assert said(make_faithfulness()) == (
        "Taking away the words that this map calls most important lowers the probability of POSITIVE by 0.61 on "
        "average; random words lower it by 0.12. The map beats chance: it does better than 30 of 30 random rankings."
    )


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (make_measure(good=18 / 31, bad=14 / 31), "cannot be told from chance: it does better than 13 of 30"),
        (make_measure(value=-0.2, good=1.0, bad=1 / 31), "does worse than chance: it does better than 0 of 30"),
        (make_measure(value=-0.2, good=1.0, bad=1 / 31), "raises the probability of POSITIVE by 0.20"),
        (make_measure(value=0.001, good=0.5, bad=0.5), "hardly changes the probability of POSITIVE on average"),
    ],
)
def test_a_map_that_does_not_beat_chance_says_that(own, words):
    assert words in said(make_faithfulness(own))


def test_of_a_short_text_every_order_is_told_and_of_a_shorter_one_that_nothing_can_be():
    every = Curves(np.tile(RANDOM[:1], (24, 1)), np.tile(RANDOM[:1], (24, 1)))
    four = make_faithfulness(make_measure(good=1 / 24), pieces=4, random=every, every_order=True)
    assert four.verdict == "beats chance"
    assert "better than 23 of the 23 other orders of these 4 words" in said(four)
    for pieces, orders in ((3, "6 orders"), (2, "2 orders"), (1, "one order")):
        count = math.factorial(pieces)
        few = Curves(np.tile(RANDOM[:1], (count, 1)), np.tile(RANDOM[:1], (count, 1)))
        short = make_faithfulness(make_measure(good=1 / count), pieces=pieces, random=few, every_order=True)
        assert said(short).startswith(
            f"Too short to tell. {pieces} word{'s' * (pieces > 1)} can be taken away in {orders}"
        )


def test_a_number_is_named_by_its_unit_and_a_lead_by_both_labels():
    assert "the log-odds of POSITIVE by" in said(make_faithfulness(unit="log_odds"))
    assert "the lead of A over B by" in said(make_faithfulness(unit="logit_margin", target=Target("A", 0, foil="B")))
    assert "Taking away the squares" in said(make_faithfulness(piece="square"))


@pytest.mark.parametrize("evil", [*EVIL, *HOSTILE.values()])
def test_no_label_becomes_markup(evil):
    for target in (Target(evil, 0), Target("A", 0, foil=evil), Target("A", 0, text=evil)):
        page = Page(f"<style></style>{describe_faithfulness(make_faithfulness(target=target))}")
        assert {tag for tag, _ in page.elements} <= {"strong", "bdi", "style", "span"}
        assert all(set(attributes) <= {"class", "title"} for _, attributes in page.elements)


def test_the_answer_doubts_a_map_that_was_checked_and_does_not_beat_chance_and_no_other():
    def answer(own: Measure | None) -> str:
        return Page(describe_explanation(scored(), 0, own and make_faithfulness(own))).text()

    usual = answer(None)
    assert answer(make_measure()) == usual
    assert answer(make_measure(good=0.5, bad=0.5)) == (
        f"{usual} Take this map as a sketch: it cannot be told from chance."
    )
    assert answer(make_measure(good=1.0, bad=0.03)).startswith(f"{usual} Take this map as a sketch: it does worse than")


def test_every_measure_is_a_row_with_its_meaning_and_its_verdict():
    page = Page(render_measures(make_faithfulness()))
    text = page.text()
    assert [tag for tag, _ in page.elements].count("tr") == 4
    assert text.count("How far it falls. The higher, the better.") == 3
    assert "0.61" in text
    assert "0.12 (−0.01 to 0.30)beats chance" in text
    assert "not defined" in text
    escaped = make_faithfulness(replace(make_measure(), label=EVIL[0], summary=EVIL[1]))
    assert {tag for tag, _ in Page(render_measures(escaped)).elements} <= {
        *("table", "thead", "tbody", "tr", "th", "td", "div", "small", "span")
    }


@pytest.mark.parametrize(("which", "first"), [("comprehensiveness", 0.0), ("sufficiency", 0.4)])
def test_curves_begin_with_the_whole_text_and_lie_over_the_band_of_random_rankings(which, first):
    found = make_faithfulness()
    upper, lower, mean, own = draw_curve(found, which).data
    random = getattr(found.random, which)
    assert list(own.x) == [0, 0.25, 0.5, 0.75, 1]
    assert list(own.y) == pytest.approx([first, *getattr(found, which)])
    assert list(mean.y) == pytest.approx([first, *random.mean(0)])
    for edge, percent in ((upper, 97.5), (lower, 2.5)):
        assert list(edge.y) == pytest.approx([first, *np.percentile(random, percent, axis=0)])
    assert lower.fill == "tonexty"
    assert (own.name, mean.name, lower.name) == ("this map", "random, mean", "95 % of random rankings")


def test_a_figure_is_told_in_words_and_holds_no_markup():
    assert "at 25 % the map +0.50, random rankings" in describe_curve(make_faithfulness(), "comprehensiveness")
    assert "at 100 % the map 0" in describe_curve(make_faithfulness(), "sufficiency")
    evil = draw_curve(make_faithfulness(unit="<b>$x$</b>"), "comprehensiveness")
    assert evil.layout.yaxis.title.text == f"fall, in {escape_plain('<b>$x$</b>')}"


def test_the_files_hold_every_number_and_null_for_what_is_not_defined():
    found = make_faithfulness()
    read = json.loads(to_json(found))
    assert read["verdict"] == "beats chance"
    assert read["request"] == found.request.to_query()
    assert np.array_equal(read["random"]["sufficiency"], found.random.sufficiency)
    assert [measure["value"] for measure in read["measures"]] == [0.61, None, 0.2]
    rows = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert [float(row["comprehensiveness"]) for row in rows] == found.comprehensiveness.tolist()
    assert [float(row["sufficiency_random"]) for row in rows] == found.random.sufficiency.mean(0).tolist()
    assert list(rows[0])[:5] == [
        *("fraction", "comprehensiveness", "comprehensiveness_random", "comprehensiveness_low"),
        "comprehensiveness_high",
    ]


def test_curves_of_different_lengths_are_no_check():
    with pytest.raises(ValueError, match="fractions"):
        make_faithfulness(fractions=np.array([0.5, 1.0]))
    with pytest.raises(ValueError, match="sufficiency"):
        Curves(np.zeros(3), np.zeros(2))
