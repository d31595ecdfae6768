"""Foreign text as the words of a page."""

from pages.common.words import distinct, literal


def test_options_that_would_look_alike_are_told_apart_and_the_others_stay_as_they_are():
    assert distinct(["Paris: LOC", "Ada: PER", "Paris: LOC", "Paris: LOC"]) == [
        "Paris: LOC",
        "Ada: PER",
        "Paris: LOC (2)",
        "Paris: LOC (3)",
    ]


def test_every_sign_that_markdown_could_take_for_its_own_is_marked():
    assert literal("*a* [b](c) `d` :e:") == r"\*a\* \[b\]\(c\) \`d\` \:e\:"
