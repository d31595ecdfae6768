"""What pages say of several maps: how alike they are, how words change places, what a random model leaves of a map."""

import numpy as np
import pytest

from explainers.request import Request, Target
from explainers.results.agreement import Agreement, RandomizationStep
from explainers.results.faithfulness import Curves, Faithfulness, Measure
from explainers.visualization.charts.agreement import (
    compute_chance_level,
    describe_agreement,
    describe_heatmap,
    draw_heatmap,
)
from explainers.visualization.charts.randomization import describe_decline as sanity_alt
from explainers.visualization.charts.randomization import describe_randomization, draw_decline
from explainers.visualization.charts.ranking import describe_movement, draw_ranking
from explainers.visualization.charts.ranking import describe_ranking as ranking_alt
from explainers.visualization.summaries.score_table import list_costs, name_most_faithful
from explainers.visualization.text.spans import find_common_limit, find_strongest_score, render_spans
from tests.support.explanations import EVIL, ParsedHtml, make_explanation

OTHER = Request("text_classification", "another", {"text": "a b c"})


def alike(value, shared=20, overlap=0.6):
    return Agreement(shared, value, value, overlap, 5)


def table(*values):
    """A symmetric table of three maps with these correlations of 0 and 1, 0 and 2, 1 and 2."""
    one, two, three = map(alike, values)
    return [[alike(1.0), one, two], [one, alike(1.0), three], [two, three, alike(1.0)]]


def two(value, **more):
    return [[alike(1.0), alike(value, **more)], [alike(value, **more), alike(1.0)]]


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.9, "agree well"), (0.5, "agree in part"), (0.1, "hardly agree"), (-0.3, "hardly"), (-0.9, "contradict")],
)
def test_two_maps_are_told_how_well_they_agree_with_the_numbers(value, said):
    found = ParsedHtml(describe_agreement(["A", "B"], two(value))).text()
    assert said in found
    assert f"is {value:.2f}".replace("-", "−") in found
    assert "3 of the 5 strongest are the same" in found
    assert "for 20 words" in found


def test_of_several_the_most_and_the_least_alike_are_named():
    said = ParsedHtml(describe_agreement(["A", "B", "C"], table(0.9, -0.2, 0.4))).text()
    assert "B and A are most alike (0.90), C and A least (−0.20)" in said or (
        "A and B are most alike (0.90), A and C least (−0.20)" in said
    )
    assert "about 0.55" in ParsedHtml(describe_agreement(["A", "B", "C"], table(0.5, 0.55, 0.6))).text()
    assert "too little in common" in describe_agreement(["A", "B"], two(None))


def test_chance_shrinks_with_the_number_of_pieces_and_is_never_over_1():
    assert compute_chance_level(alike(0.5, shared=101)) == pytest.approx(0.196)
    assert compute_chance_level(alike(0.5, shared=2)) == 1.0


@pytest.mark.parametrize("measure", ["correlation", "overlap"])
def test_each_cell_of_the_heatmap_bears_its_number(measure):
    figure = draw_heatmap(["A", "B", "C"], table(0.9, None, 0.4), measure)
    (cells,) = figure.data
    notes = {(note.x, note.y): note.text for note in figure.layout.annotations}
    assert len(notes) == 9
    assert notes[1, 0] == ("0.90" if measure == "correlation" else "60 %")
    assert notes[2, 0] == ("–" if measure == "correlation" else "60 %")
    assert cells.z[0][1] == (0.9 if measure == "correlation" else 0.6)
    assert ("A and B 0.90" if measure == "correlation" else "A and B 60 %") in describe_heatmap(
        ["A", "B", "C"], table(0.9, None, 0.4), measure
    ).replace("B and A", "A and B")


RANKING = {"good": [1, 2], "bad": [2, 1], "film": [3, 3]}


def test_a_line_a_word_goes_through_its_places_and_bears_its_name_at_both_ends():
    lines = draw_ranking(["A", "B"], RANKING).data
    assert [list(line.y) for line in lines] == [[1, 2], [2, 1], [3, 3]]
    assert [list(line.text) for line in lines] == [["good", "good"], ["bad", "bad"], ["film", "film"]]
    low, high = draw_ranking(["A", "B"], RANKING).layout.yaxis.range
    assert low > 3 > 1 > high
    assert "good 1, 2; bad 2, 1" in ranking_alt(["A", "B"], RANKING)


def test_the_strongest_word_is_named_or_what_it_depends_on():
    assert describe_movement(["A", "B"], RANKING) == "The strongest word differs: “good” with A; “bad” with B."
    assert "“good” is the strongest in both explanations" in describe_movement(
        ["A", "B"], {"good": [1, 1], "bad": [2, 2]}
    )
    assert describe_movement(["A", "B"], {}) == ""


def steps(*values, shared=20):
    return [RandomizationStep(f"layer.{i}", alike(value, shared=shared)) for i, value in enumerate(values)]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (steps(0.9, 0.8), "hardly depends on what the model has learnt"),
        (steps(0.9, 0.5), "a part of the explanation does not depend"),
        (steps(0.9, 0.1), "the explanation depends on what the model has learnt"),
        (steps(0.9, -0.1), "the explanation depends on what the model has learnt"),
        (steps(0.9, None), "too few words"),
        (steps(0.9, 0.1, shared=5), "too few words"),
    ],
)
def test_the_verdict_follows_from_what_is_left_when_all_is_random(found, said):
    assert said in describe_randomization(found)


def test_the_falling_line_begins_at_1_and_has_a_point_a_layer():
    strengths, signed = draw_decline(steps(0.9, 0.5, None)).data
    assert list(strengths.y) == list(signed.y) == [1.0, 0.9, 0.5, None]
    assert "layer.0 0.90; layer.1 0.50" in sanity_alt(steps(0.9, 0.5, None))
    unsigned = [RandomizationStep("head", Agreement(20, None, 0.5, 0.6, 5))]
    assert [line.name for line in draw_decline(unsigned).data] == ["absolute scores"]


def test_one_limit_for_all_maps_where_they_measure_the_same_and_none_where_they_do_not():
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


def test_the_table_of_costs_has_no_number_where_none_is_defined():
    known, unknown = make_explanation("a b c", [1, -2, 0.5]), make_explanation("a b c", [1, -2, 0.5], additive=False)
    first, second = list_costs(["A", "B"], [known, unknown], [0, 0], [None, None])
    assert first["map"] == "A"
    assert first["passes"] == sum(known.evaluations)
    assert first["unexplained"] == pytest.approx(float(np.asarray(known.relative_error)[0]))
    assert second["unexplained"] is None


@pytest.mark.parametrize("evil", EVIL)
def test_names_and_words_that_are_markup_stay_text(evil):
    names, ranking = [evil, "B"], {evil: [1, 2], "film": [2, 1]}
    page = ParsedHtml(describe_agreement([evil, "B", "C"], table(0.9, -0.2, 0.4)))
    assert {tag for tag, _ in page.elements} <= {"strong", "bdi", "span"}
    for figure in (
        draw_heatmap(names, two(0.5)),
        draw_ranking(names, ranking),
        draw_decline([RandomizationStep(evil, alike(0.5))] * 2),
    ):
        assert "<img" not in figure.to_json()
        assert "\\u003cimg" not in figure.to_json()
        assert "<script" not in figure.to_json()


def checked(value, verdict=True, random=0.1):
    """A check with this AOPC; `verdict` says whether chance gets there."""
    measure = Measure("comprehensiveness", "", "", "", "high", value, random, 0.0, 0.2, 0.01 if verdict else 0.5, 0.9)
    curves = Curves(np.full(2, value), np.full(2, 0.1))
    many = Curves(np.full((100, 2), random), np.full((100, 2), 0.1))
    told = (OTHER, 0, Target("POSITIVE"), "probability", True, "word", 9, 0.9, 0.1, np.array([0.5, 1.0]))
    return Faithfulness(*told, curves, many, False, (measure,))


def test_the_table_tells_how_true_each_map_is_once_all_are_checked():
    maps = [make_explanation("a b c", [1, -2, 0.5])] * 2
    rows = list_costs(["A", "B"], maps, [0, 0], [checked(0.4), checked(0.2, verdict=False)])
    assert [(row["aopc"], row["random"], row["chance"]) for row in rows] == [
        (0.4, 0.1, "beats chance"),
        (0.2, 0.1, "cannot be distinguished from chance"),
    ]
    assert "aopc" not in list_costs(["A", "B"], maps, [0, 0], [checked(0.4), None])[0]


def test_the_truest_map_is_the_one_that_gains_most_over_chance_if_any_beats_it():
    said = name_most_faithful(["A", "B", "C"], [checked(0.4), checked(0.5, random=0.3), checked(0.9, verdict=False)])
    assert said.startswith("A is the most faithful")
    assert "by 0.40 on average; random rankings lower it by 0.10. 2 of 3 explanations beat chance." in said
    assert name_most_faithful(["A"], [checked(0.9, verdict=False)]) == "None of these explanations beats chance."
