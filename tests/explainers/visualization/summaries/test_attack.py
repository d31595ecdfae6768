"""The summary, the rows, the chart and the diff of an attack."""

import re

import pytest

from explainers import Target
from explainers.results.attack import Edit, Step
from explainers.visualization.charts.attack_path import describe_path, draw_path
from explainers.visualization.summaries.attack import describe_attack, list_shortest
from tests.support.attacks import EVIL, make_attack


def read_visible(html):
    """Return the visible text."""
    return re.sub(r"<style>.*?</style>|<span class=\"wf-heard\">.*?</span>|<[^>]+>", "", html, flags=re.DOTALL)


def test_a_success_names_the_words_and_how_far_the_probability_fell():
    one = describe_attack(make_attack(edits=[Edit(0, "good", "bad", -2.0, 0, 4)]))
    assert read_visible(one) == (
        "Changing 1 word makes the model predict NEGATIVE (POSITIVE falls from 90 % to 20 %): “good” → “bad”."
    )
    aimed = describe_attack(make_attack(wanted=Target("NEGATIVE"), edits=[Edit(0, "good", "bad", 2.0, 0, 4)], last=0.8))
    assert "NEGATIVE (80 %)" in read_visible(aimed)


def test_a_failure_has_its_reason_and_the_closest_attempt():
    edit = Edit(0, "good", "fine", -0.1, 0, 4)
    failure = describe_attack(
        make_attack(success=False, edits=[edit], reason="No more than 1 word may be changed.", last=0.6)
    )
    assert read_visible(failure).startswith(
        "No attack was found that changes the prediction. No more than 1 word may be changed."
    )
    assert "POSITIVE from 90 % to 60 %" in read_visible(failure)
    assert read_visible(
        describe_attack(make_attack(success=False, reason="No word is left that may be changed."))
    ).endswith("may be changed.")


def test_a_reduction_names_the_words_that_are_enough_and_counts_other_such_texts():
    edits = [Edit(1, "so", "", 0.1, 5, 7)]
    states = (Step("good", tuple(edits), "POSITIVE", 0.95), Step("film", tuple(edits), "POSITIVE", 0.9))
    found = make_attack(
        "input_reduction", edits=edits, minimal=states, says="POSITIVE", last=0.95, reason="One word is left."
    )
    summary = read_visible(describe_attack(found))
    assert "“bad film” is enough: the model still predicts POSITIVE (95 % with these words, 90 % with all)" in summary
    assert "1 other short text is enough too. One word is left." in summary
    assert [row["text"] for row in list_shortest(found)] == ["good", "film"]
    assert "No word can be dropped" in read_visible(
        describe_attack(make_attack("input_reduction", success=False, reason="r"))
    )


@pytest.mark.parametrize("draw", [describe_attack, describe_path, lambda attack: draw_path(attack).to_json()])
def test_foreign_text_is_escaped_in_summary_and_chart(draw):
    edit = Edit(0, EVIL, EVIL, -2.0, 0, 4)
    found = draw(make_attack(edits=[edit], wanted=Target(EVIL), says=EVIL))
    assert "<img" not in found or draw is describe_path
