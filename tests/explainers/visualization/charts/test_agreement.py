"""The agreement of explanations in words and as a heatmap."""

import pytest

from explainers.request import Request
from explainers.results.agreement import Agreement, RandomizationStep
from explainers.visualization.charts.agreement import (
    compute_chance_level,
    describe_agreement,
    describe_heatmap,
    draw_heatmap,
)
from explainers.visualization.charts.randomization import draw_decline
from explainers.visualization.charts.ranking import draw_ranking
from explainers.visualization.text.spans import find_common_limit, find_strongest_score, render_spans
from tests.support.explanations import EVIL, ParsedHtml, make_explanation

OTHER = Request("text_classification", "another", {"text": "a b c"})


def make_agreement(value, shared=20, overlap=0.6):
    return Agreement(shared, value, value, overlap, 5)


def make_table(*values):
    """Return the table of three explanations with these correlations of 0 and 1, 0 and 2, 1 and 2."""
    one, two, three = map(make_agreement, values)
    return [[make_agreement(1.0), one, two], [one, make_agreement(1.0), three], [two, three, make_agreement(1.0)]]


def make_pair(value, **more):
    return [[make_agreement(1.0), make_agreement(value, **more)], [make_agreement(value, **more), make_agreement(1.0)]]


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.9, "agree well"), (0.5, "agree in part"), (0.1, "hardly agree"), (-0.3, "hardly"), (-0.9, "contradict")],
)
def test_the_sentence_about_two_explanations_has_their_numbers(value, said):
    found = ParsedHtml(describe_agreement(["A", "B"], make_pair(value))).text()
    assert said in found
    assert f"is {value:.2f}".replace("-", "−") in found
    assert "3 of the 5 strongest are the same" in found
    assert "for 20 words" in found


def test_the_sentence_about_several_names_the_most_and_least_alike():
    said = ParsedHtml(describe_agreement(["A", "B", "C"], make_table(0.9, -0.2, 0.4))).text()
    assert "B and A are most alike (0.90), C and A least (−0.20)" in said or (
        "A and B are most alike (0.90), A and C least (−0.20)" in said
    )
    assert "about 0.55" in ParsedHtml(describe_agreement(["A", "B", "C"], make_table(0.5, 0.55, 0.6))).text()
    assert "too little in common" in describe_agreement(["A", "B"], make_pair(None))


def test_the_chance_level_falls_with_the_number_of_words():
    assert compute_chance_level(make_agreement(0.5, shared=101)) == pytest.approx(0.196)
    assert compute_chance_level(make_agreement(0.5, shared=2)) == 1.0


@pytest.mark.parametrize("measure", ["correlation", "overlap"])
def test_each_cell_of_the_heatmap_has_its_number(measure):
    figure = draw_heatmap(["A", "B", "C"], make_table(0.9, None, 0.4), measure)
    (cells,) = figure.data
    notes = {(note.x, note.y): note.text for note in figure.layout.annotations}
    assert len(notes) == 9
    assert notes[1, 0] == ("0.90" if measure == "correlation" else "60 %")
    assert notes[2, 0] == ("–" if measure == "correlation" else "60 %")
    assert cells.z[0][1] == (0.9 if measure == "correlation" else 0.6)
    assert ("A and B 0.90" if measure == "correlation" else "A and B 60 %") in describe_heatmap(
        ["A", "B", "C"], make_table(0.9, None, 0.4), measure
    ).replace("B and A", "A and B")


def test_comparable_explanations_share_a_colour_limit():
    one, other = make_explanation("a b c", [1, -2, 0.5]), make_explanation("a b c", [4, 1, 0])
    assert (find_strongest_score(one), find_common_limit([one, other], [0, 0])) == (2, 4)
    assert find_common_limit([one, make_explanation("a b c", [4, 1, 0], unit="logit")], [0, 0]) is None
    loose, other_model = (
        make_explanation("a b c", [4, 1, 0], additive=False, **more) for more in ({}, {"request": OTHER})
    )
    assert find_common_limit([one, loose], [0, 0]) == 4
    assert find_common_limit([one, other_model], [0, 0]) is None
    strengths = [piece["style"] for piece in ParsedHtml(render_spans(one, limit=4)).all("wf-t")]
    assert strengths == ["--s:0.250", "--s:0.500", "--s:0.125"]
    assert "Full colour: 4" in ParsedHtml(render_spans(one, limit=4)).text("wf-legend")
    assert render_spans(one) == render_spans(one, limit=2)


@pytest.mark.parametrize("evil", EVIL)
def test_names_and_words_are_escaped(evil):
    names, ranking = [evil, "B"], {evil: [1, 2], "film": [2, 1]}
    page = ParsedHtml(describe_agreement([evil, "B", "C"], make_table(0.9, -0.2, 0.4)))
    assert {tag for tag, _ in page.elements} <= {"strong", "bdi", "span"}
    for figure in (
        draw_heatmap(names, make_pair(0.5)),
        draw_ranking(names, ranking),
        draw_decline([RandomizationStep(evil, make_agreement(0.5))] * 2),
    ):
        assert "<img" not in figure.to_json()
        assert "\\u003cimg" not in figure.to_json()
        assert "<script" not in figure.to_json()
