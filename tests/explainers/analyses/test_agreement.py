"""How alike two maps are: closed forms of rank correlation and overlap, and which words are compared with which."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from explainers.analyses.agreement import (
    CELLS,
    FEWEST,
    align_scores,
    correlate_ranks,
    find_row,
    measure_agreement,
    measure_agreements,
    measure_overlap,
    rank,
    rank_words,
)
from explainers.inputs.text import WORD
from explainers.request import Request, Target
from explainers.results.explanation import Explanation, Feature, Prediction

YES = Target("yes", 0, probability=0.9)


def words_of(text, field="text"):
    return [Feature(m.group(), field, *m.span(), i) for i, m in enumerate(WORD.finditer(text))]


def mapped(text, scores, signed=True, targets=(YES,), **more):
    """A map of a text with these scores, one a word, for each target the same."""
    features = tuple(words_of(text))
    table = np.array([scores] * len(targets), np.float32)
    request = Request("text_classification", "m", {"text": text})
    values = np.zeros(len(targets), np.float32)
    return Explanation(
        request, features, targets, table, values, None, "probability", signed, False, Prediction(targets), **more
    )


def pictured(values, frame=None, channels=1):
    """A map of a picture."""
    values = np.array(values, np.float32)
    scores = np.repeat(values.reshape(1, -1) / channels, channels, axis=0).reshape(1, -1)
    features = tuple(Feature(str(i), "image") for i in range(scores.shape[1]))
    request = Request("image_classification", "m", {})
    return Explanation(
        request,
        features,
        (YES,),
        scores,
        np.zeros(1, np.float32),
        None,
        "probability",
        True,
        False,
        Prediction((YES,)),
        grid=values.shape,
        kind="image",
        frame=frame,
    )


def test_spearman_without_ties_is_one_less_six_times_the_squared_differences_of_rank():
    first = np.arange(5.0)
    for order in permutations(range(5)):
        other = np.array(order, float)
        closed = 1 - 6 * ((first - other) ** 2).sum() / (5 * (25 - 1))
        assert correlate_ranks(first, other) == pytest.approx(closed, abs=1e-12)


def test_spearman_asks_for_the_order_alone_and_ties_share_their_rank():
    one, other = np.array([1.0, 2, 2, 9, 10]), np.array([3.0, 4, 5, 6, 7])
    assert rank(one).tolist() == [1, 2.5, 2.5, 4, 5]
    assert correlate_ranks(one, other) == pytest.approx(
        np.corrcoef([1, 2.5, 2.5, 4, 5], [1, 2, 3, 4, 5])[0, 1], abs=1e-12
    )
    assert correlate_ranks(np.exp(other), other**3) == 1.0
    assert correlate_ranks(other, -other) == -1.0


def test_ranks_say_nothing_of_too_few_pieces_or_of_equal_ones():
    assert correlate_ranks(np.arange(FEWEST - 1.0), np.arange(FEWEST - 1.0)) is None
    assert correlate_ranks(np.zeros(5), np.arange(5.0)) is None


def test_overlap_is_the_share_of_the_strongest_in_common_whatever_their_sign():
    assert measure_overlap(np.array([5.0, -4, 1, 0]), np.array([-9.0, 8, 2, 1]), 2) == 1.0
    assert measure_overlap(np.array([5.0, -4, 1, 0]), np.array([9.0, 0, 8, 1]), 2) == 0.5
    assert measure_overlap(np.array([5.0, -4, 1, 0]), np.array([0.0, 1, 8, 9]), 2) == 0.0
    assert measure_overlap(np.ones(4), np.ones(4), 2) == 1.0


def test_a_map_agrees_wholly_with_itself_and_the_table_of_pairs_is_symmetric():
    text = "one two three four five six seven eight nine ten"
    first = mapped(text, [5, -4, 3, -2, 1, 0, 0.5, 6, 7, 8])
    second = mapped(text, [-5, 4, -3, 2, -1, 0, -0.5, -6, -7, -8])
    table = measure_agreements([first, second], [0, 0])
    assert [(a.signed, a.strength, a.overlap, a.top) for a in (table[0][0], table[1][1])] == [(1, 1, 1, 5)] * 2
    assert table[0][1].signed == -1.0
    assert table[0][1].strength == 1.0
    assert table[0][1] == table[1][0]


def test_top_is_halved_where_there_are_few_words_so_that_overlap_can_fail():
    found = measure_agreement(mapped("a b c d", [4, 3, 2, 1]), mapped("a b c d", [1, 2, 3, 4]))
    assert (found.top, found.overlap, found.shared) == (2, 0.0, 4)


def test_a_method_without_signs_is_compared_by_sizes():
    signed, unsigned = mapped("a b c d e", [1, -2, 3, 4, 5]), mapped("a b c d e", [1, 2, 3, 4, 5], signed=False)
    found = measure_agreement(signed, unsigned)
    assert (found.signed, found.strength, found.correlation) == (None, 1.0, 1.0)


def test_tokens_of_one_word_are_added_up_and_what_is_not_visible_is_left_out():
    text = "unhappy end here"
    split = mapped(text, [0, 0, 0])
    features = (
        Feature("[CLS]", "text", special=True),
        Feature("un", "text", 0, 2, 0),
        Feature("happy", "text", 2, 7, 0),
        Feature("end", "text", 8, 11, 1),
        Feature("here", "text", 12, 16, 2),
    )
    split = replace(split, features=features, scores=np.array([[9, 1, 2, np.nan, 4]], np.float32))
    mine, theirs = align_scores(split, mapped(text, [10, 20, 30]))
    assert mine.tolist() == [3, 4]
    assert theirs.tolist() == [10, 30]


def test_two_texts_are_compared_over_the_words_that_both_have_in_the_same_order():
    one = mapped("A wonderful film, and A cast", [1, 2, 3, 4, 5, 6, 7])
    other = mapped("a terrible film, and a cast", [10, 20, 30, 40, 50, 60, 70])
    mine, theirs = align_scores(one, other)
    assert mine.tolist() == [1, 3, 4, 5, 6, 7]
    assert theirs.tolist() == [10, 30, 40, 50, 60, 70]
    assert align_scores(one, mapped("nothing alike", [1, 2]))[0].tolist() == []
    empty = measure_agreement(one, mapped("nothing alike", [1, 2]))
    assert (empty.shared, empty.correlation, empty.overlap) == (0, None, None)


def test_two_texts_agree_the_same_both_ways():
    one = mapped("b a x b a c d e f g", [9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    other = mapped("a b c d e f a b g x", [1, 9, 2, 8, 3, 7, 4, 6, 5, 0])
    table = measure_agreements([one, other], [0, 0])
    assert table[0][1] is table[1][0]
    assert table[0][1].correlation is not None


def test_places_are_those_among_the_words_that_all_maps_have_and_that_say_something():
    one, other = mapped("good film, good cast", [5, 1, 9, 3, 2]), mapped("good film, good end", [-1, 2, 0, 3, 9])
    assert rank_words([one, other], [0, 0]) == {"good": [1, 3], "film": [3, 2], "good (2)": [2, 1]}
    assert rank_words([one, other], [0, 0], top=1) == {"good": [1, 3], "good (2)": [2, 1]}
    assert rank_words([pictured(np.ones((2, 2)))] * 2, [0, 0]) == {}


def test_each_row_is_compared_with_the_row_about_the_same():
    twice = (YES, Target("no", 1))
    found = mapped("a b c", [1, 2, 3], targets=twice)
    assert find_row(found, Target("no", 1, probability=0.1)) == 1
    assert find_row(found, YES) == 0
    assert find_row(found, Target("perhaps")) is None
    parts = tuple(Target("PER", text=name, position=place) for name, place in (("Ada", 1), ("Ida", 4), ("Ada", 9)))
    people = mapped("a b c", [1, 2, 3], targets=parts)
    assert [find_row(people, part) for part in parts] == [0, 1, 2]
    assert find_row(people, Target("PER", text="Ida", position=7)) == 1


def test_pictures_of_any_size_are_compared_square_by_square_of_the_picture():
    fine, coarse = np.zeros((4 * CELLS, 4 * CELLS)), np.zeros((2 * CELLS, 2 * CELLS))
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(CELLS, CELLS))
    for i in range(CELLS):
        for j in range(CELLS):
            fine[4 * i, 4 * j], coarse[2 * i + 1, 2 * j] = cells[i, j], cells[i, j]
    mine, theirs = align_scores(pictured(fine, channels=3), pictured(coarse))
    assert mine == pytest.approx(cells.flatten(), abs=1e-6)
    assert theirs == pytest.approx(mine, abs=1e-6)


def test_what_a_model_did_not_read_of_a_picture_is_not_compared():
    whole, left = pictured(np.ones((CELLS, CELLS))), pictured(np.ones((CELLS, CELLS // 2)), (0.0, 0.0, 0.5, 1.0))
    assert measure_agreement(whole, left).shared == CELLS * CELLS // 2
    beyond = pictured(np.ones((CELLS, 2 * CELLS)), (-0.5, 0.0, 1.5, 1.0))  # padding at both sides
    assert measure_agreement(whole, beyond).shared == CELLS * CELLS
