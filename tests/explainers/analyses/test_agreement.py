"""Agreement of two explanations: closed forms of rank correlation and overlap, and which words are matched."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from explainers.analyses.agreement import (
    CELLS,
    FEWEST_FEATURES,
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


def make_features(text, field="text"):
    return [Feature(m.group(), field, *m.span(), i) for i, m in enumerate(WORD.finditer(text))]


def explain_text(text, scores, signed=True, targets=(YES,), **more):
    """Make an explanation of a text with these scores, one per word, the same for each target."""
    features = tuple(make_features(text))
    table = np.array([scores] * len(targets), np.float32)
    request = Request("text_classification", "m", {"text": text})
    values = np.zeros(len(targets), np.float32)
    return Explanation(
        request, features, targets, table, values, None, "probability", signed, False, Prediction(targets), **more
    )


def explain_image(values, frame=None, channels=1):
    """Make an explanation of an image."""
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


def test_spearman_without_ties_equals_its_closed_form():
    first = np.arange(5.0)
    for order in permutations(range(5)):
        other = np.array(order, float)
        closed = 1 - 6 * ((first - other) ** 2).sum() / (5 * (25 - 1))
        assert correlate_ranks(first, other) == pytest.approx(closed, abs=1e-12)


def test_spearman_depends_on_the_order_only_and_ties_share_their_rank():
    one, other = np.array([1.0, 2, 2, 9, 10]), np.array([3.0, 4, 5, 6, 7])
    assert rank(one).tolist() == [1, 2.5, 2.5, 4, 5]
    assert correlate_ranks(one, other) == pytest.approx(
        np.corrcoef([1, 2.5, 2.5, 4, 5], [1, 2, 3, 4, 5])[0, 1], abs=1e-12
    )
    assert correlate_ranks(np.exp(other), other**3) == 1.0
    assert correlate_ranks(other, -other) == -1.0


def test_a_rank_correlation_is_undefined_for_few_or_equal_scores():
    assert correlate_ranks(np.arange(FEWEST_FEATURES - 1.0), np.arange(FEWEST_FEATURES - 1.0)) is None
    assert correlate_ranks(np.zeros(5), np.arange(5.0)) is None


def test_overlap_is_the_share_of_the_strongest_in_common_regardless_of_sign():
    assert measure_overlap(np.array([5.0, -4, 1, 0]), np.array([-9.0, 8, 2, 1]), 2) == 1.0
    assert measure_overlap(np.array([5.0, -4, 1, 0]), np.array([9.0, 0, 8, 1]), 2) == 0.5
    assert measure_overlap(np.array([5.0, -4, 1, 0]), np.array([0.0, 1, 8, 9]), 2) == 0.0
    assert measure_overlap(np.ones(4), np.ones(4), 2) == 1.0


def test_an_explanation_agrees_with_itself_and_the_table_of_pairs_is_symmetric():
    text = "one two three four five six seven eight nine ten"
    first = explain_text(text, [5, -4, 3, -2, 1, 0, 0.5, 6, 7, 8])
    second = explain_text(text, [-5, 4, -3, 2, -1, 0, -0.5, -6, -7, -8])
    table = measure_agreements([first, second], [0, 0])
    assert [(a.signed, a.strength, a.overlap, a.top) for a in (table[0][0], table[1][1])] == [(1, 1, 1, 5)] * 2
    assert table[0][1].signed == -1.0
    assert table[0][1].strength == 1.0
    assert table[0][1] == table[1][0]


def test_top_is_at_most_half_of_the_words():
    result = measure_agreement(explain_text("a b c d", [4, 3, 2, 1]), explain_text("a b c d", [1, 2, 3, 4]))
    assert (result.top, result.overlap, result.shared) == (2, 0.0, 4)


def test_unsigned_scores_are_compared_by_absolute_value():
    signed, unsigned = (
        explain_text("a b c d e", [1, -2, 3, 4, 5]),
        explain_text("a b c d e", [1, 2, 3, 4, 5], signed=False),
    )
    result = measure_agreement(signed, unsigned)
    assert (result.signed, result.strength, result.correlation) == (None, 1.0, 1.0)


def test_scores_of_the_tokens_of_a_word_add_up_and_invisible_ones_are_left_out():
    text = "unhappy end here"
    split = explain_text(text, [0, 0, 0])
    features = (
        Feature("[CLS]", "text", special=True),
        Feature("un", "text", 0, 2, 0),
        Feature("happy", "text", 2, 7, 0),
        Feature("end", "text", 8, 11, 1),
        Feature("here", "text", 12, 16, 2),
    )
    split = replace(split, features=features, scores=np.array([[9, 1, 2, np.nan, 4]], np.float32))
    mine, theirs = align_scores(split, explain_text(text, [10, 20, 30]))
    assert mine.tolist() == [3, 4]
    assert theirs.tolist() == [10, 30]


def test_two_texts_are_compared_over_the_words_in_common_in_the_same_order():
    one = explain_text("A wonderful film, and A cast", [1, 2, 3, 4, 5, 6, 7])
    other = explain_text("a terrible film, and a cast", [10, 20, 30, 40, 50, 60, 70])
    mine, theirs = align_scores(one, other)
    assert mine.tolist() == [1, 3, 4, 5, 6, 7]
    assert theirs.tolist() == [10, 30, 40, 50, 60, 70]
    assert align_scores(one, explain_text("nothing alike", [1, 2]))[0].tolist() == []
    empty = measure_agreement(one, explain_text("nothing alike", [1, 2]))
    assert (empty.shared, empty.correlation, empty.overlap) == (0, None, None)


def test_the_agreement_of_two_texts_is_symmetric():
    one = explain_text("b a x b a c d e f g", [9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    other = explain_text("a b c d e f a b g x", [1, 9, 2, 8, 3, 7, 4, 6, 5, 0])
    table = measure_agreements([one, other], [0, 0])
    assert table[0][1] is table[1][0]
    assert table[0][1].correlation is not None


def test_ranks_count_the_words_that_all_explanations_have_without_punctuation():
    one, other = (
        explain_text("good film, good cast", [5, 1, 9, 3, 2]),
        explain_text("good film, good end", [-1, 2, 0, 3, 9]),
    )
    assert rank_words([one, other], [0, 0]) == {"good": [1, 3], "film": [3, 2], "good (2)": [2, 1]}
    assert rank_words([one, other], [0, 0], top=1) == {"good": [1, 3], "good (2)": [2, 1]}
    assert rank_words([explain_image(np.ones((2, 2)))] * 2, [0, 0]) == {}


def test_the_row_of_the_same_target_is_found_by_label_text_and_position():
    twice = (YES, Target("no", 1))
    result = explain_text("a b c", [1, 2, 3], targets=twice)
    assert find_row(result, Target("no", 1, probability=0.1)) == 1
    assert find_row(result, YES) == 0
    assert find_row(result, Target("perhaps")) is None
    parts = tuple(Target("PER", text=name, position=place) for name, place in (("Ada", 1), ("Ida", 4), ("Ada", 9)))
    people = explain_text("a b c", [1, 2, 3], targets=parts)
    assert [find_row(people, part) for part in parts] == [0, 1, 2]
    assert find_row(people, Target("PER", text="Ida", position=7)) == 1


def test_images_of_any_size_are_compared_square_by_square():
    fine, coarse = np.zeros((4 * CELLS, 4 * CELLS)), np.zeros((2 * CELLS, 2 * CELLS))
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(CELLS, CELLS))
    for i in range(CELLS):
        for j in range(CELLS):
            fine[4 * i, 4 * j], coarse[2 * i + 1, 2 * j] = cells[i, j], cells[i, j]
    mine, theirs = align_scores(explain_image(fine, channels=3), explain_image(coarse))
    assert mine == pytest.approx(cells.flatten(), abs=1e-6)
    assert theirs == pytest.approx(mine, abs=1e-6)


def test_parts_of_an_image_that_a_model_did_not_read_are_not_compared():
    whole, left = (
        explain_image(np.ones((CELLS, CELLS))),
        explain_image(np.ones((CELLS, CELLS // 2)), (0.0, 0.0, 0.5, 1.0)),
    )
    assert measure_agreement(whole, left).shared == CELLS * CELLS // 2
    beyond = explain_image(np.ones((CELLS, 2 * CELLS)), (-0.5, 0.0, 1.5, 1.0))  # padding at both sides
    assert measure_agreement(whole, beyond).shared == CELLS * CELLS
