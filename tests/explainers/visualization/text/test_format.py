"""Numbers and names as readers see them."""

import pytest

from explainers.visualization.text.format import (
    format_decimals,
    format_number,
    format_share,
    number_duplicates,
    shorten,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (-0.0, "0"), (0.394, "+0.39"), (-0.394, "−0.39"), (0.0123, "+0.012"), (12, "+12.00")],
)
def test_a_score_is_shown_with_its_sign_and_two_decimals_that_matter(value, shown):
    assert format_number(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0, "0 %"),
        (0.98, "98 %"),
        (1, "100 %"),
        (0.052, "5.2 %"),
        (0.0996, "10 %"),
        (0.0012, "0.12 %"),
        (1e-7, "< 0.01 %"),
        (12.5, "1,250 %"),
    ],
)
def test_a_share_is_shown_as_a_percentage_without_powers_of_ten(share, shown):
    assert format_share(share) == shown
    assert "e" not in format_decimals(1e30)


def test_text_is_cut_between_two_signs_and_set_on_one_line():
    assert shorten("👍🏽👍🏽👍🏽", 2) == "👍🏽…"
    assert shorten("one\n two") == "one two"


def test_options_that_would_look_alike_are_told_apart_and_the_others_stay_as_they_are():
    assert number_duplicates(["Paris: LOC", "Ada: PER", "Paris: LOC", "Paris: LOC"]) == [
        "Paris: LOC",
        "Ada: PER",
        "Paris: LOC (2)",
        "Paris: LOC (3)",
    ]
