"""What other words do, in a sentence and in rows: counted, the extremes named, and always as text."""

import pytest

from explainers.results.substitution import Substitution
from explainers.visualization.summaries.substitution import describe_substitutions, list_rows
from tests.support.explanations import EVIL, ParsedHtml

DOCTOR, NURSE, BAKER = (
    Substitution("doctor", 0.6, 0.2, "He."),
    Substitution("nurse", 0.1, 0.3, "She."),
    Substitution("baker", 0.3, 0.3, "It."),
)


def test_the_sentence_counts_where_the_token_is_likelier_and_names_the_extremes():
    shown = ParsedHtml(describe_substitutions([DOCTOR, NURSE, BAKER], "He", "She")).text()
    assert shown == (
        "“He” is likelier than “She” with 1 of 3 words. Of the two it has most with “doctor” (75 %), and least with "
        "“nurse” (25 %)."
    )
    assert "with every one of 1 words" in ParsedHtml(describe_substitutions([DOCTOR], "He", "She")).text()
    assert "with none of 1 words" in ParsedHtml(describe_substitutions([NURSE], "He", "She")).text()


def test_without_a_contrast_it_is_the_probability_that_is_named():
    alone = [Substitution(swap.word, swap.probability, None, swap.continuation) for swap in (DOCTOR, NURSE)]
    assert ParsedHtml(describe_substitutions(alone, "He", None)).text() == (
        "“He” is likeliest with “doctor” (60 %), and least likely with “nurse” (10 %)."
    )
    assert list_rows(alone, "He", None)[0] == {"word": "nurse", "“He”": 0.1, "the model writes": "She."}


def test_the_row_where_the_token_has_least_of_the_two_comes_first():
    found = list_rows([DOCTOR, NURSE, BAKER], "He", "She")
    assert [row["word"] for row in found] == ["nurse", "baker", "doctor"]
    assert found[0] == {"word": "nurse", "“He”": 0.1, "“She”": 0.3, "of the two": 0.25, "the model writes": "She."}


@pytest.mark.parametrize("evil", EVIL)
def test_hostile_words_are_escaped(evil):
    page = ParsedHtml(describe_substitutions([Substitution(evil, 0.5, 0.1, evil)], evil, evil))
    assert not {"img", "script", "style"} & {tag for tag, _ in page.elements}
