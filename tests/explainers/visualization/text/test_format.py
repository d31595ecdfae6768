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
def test_a_score_is_formatted_with_its_sign(value, shown):
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
def test_a_share_is_formatted_as_a_percentage(share, shown):
    assert format_share(share) == shown
    assert "e" not in format_decimals(1e30)


def test_text_is_cut_between_graphemes_and_set_on_one_line():
    assert shorten("👍🏽👍🏽👍🏽", 2) == "👍🏽…"
    assert shorten("one\n two") == "one two"


def test_only_duplicates_are_numbered():
    assert number_duplicates(["Paris: LOC", "Ada: PER", "Paris: LOC", "Paris: LOC"]) == [
        "Paris: LOC",
        "Ada: PER",
        "Paris: LOC (2)",
        "Paris: LOC (3)",
    ]
