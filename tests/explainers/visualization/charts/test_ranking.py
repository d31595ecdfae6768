"""The ranks of words in several explanations."""

from explainers.visualization.charts.ranking import describe_movement, draw_ranking
from explainers.visualization.charts.ranking import describe_ranking as ranking_alt

RANKING = {"good": [1, 2], "bad": [2, 1], "film": [3, 3]}


def test_each_word_is_a_line_over_its_ranks_labelled_at_both_ends():
    lines = draw_ranking(["A", "B"], RANKING).data
    assert [list(line.y) for line in lines] == [[1, 2], [2, 1], [3, 3]]
    assert [list(line.text) for line in lines] == [["good", "good"], ["bad", "bad"], ["film", "film"]]
    low, high = draw_ranking(["A", "B"], RANKING).layout.yaxis.range
    assert low > 3 > 1 > high
    assert "good 1, 2; bad 2, 1" in ranking_alt(["A", "B"], RANKING)


def test_the_strongest_word_is_named():
    assert describe_movement(["A", "B"], RANKING) == "The strongest word differs: “good” with A; “bad” with B."
    assert "“good” is the strongest in both explanations" in describe_movement(
        ["A", "B"], {"good": [1, 1], "bad": [2, 2]}
    )
    assert describe_movement(["A", "B"], {}) == ""
