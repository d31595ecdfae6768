"""The summary of substitutions and their rows."""

import pytest

from explainers.results.substitution import Substitution
from explainers.visualization.summaries.substitution import describe_substitutions, list_rows
from tests.support.explanations import EVIL, ParsedHtml

DOCTOR, NURSE, BAKER = (
    Substitution("doctor", 0.6, 0.2, "He."),
    Substitution("nurse", 0.1, 0.3, "She."),
    Substitution("baker", 0.3, 0.3, "It."),
)


def test_the_summary_counts_the_words_and_names_the_extremes():
    shown = ParsedHtml(describe_substitutions([DOCTOR, NURSE, BAKER], "He", "She")).text()
    assert shown.startswith("“He” is more probable than “She” with 1 of 3 words.")
    assert "largest with “doctor” (75 %) and smallest with “nurse” (25 %)." in shown
    assert "with every one of 1 words" in ParsedHtml(describe_substitutions([DOCTOR], "He", "She")).text()
    assert "with none of 1 words" in ParsedHtml(describe_substitutions([NURSE], "He", "She")).text()


def test_without_a_contrast_the_summary_has_probabilities():
    alone = [Substitution(swap.word, swap.probability, None, swap.continuation) for swap in (DOCTOR, NURSE)]
    assert ParsedHtml(describe_substitutions(alone, "He", None)).text() == (
        "“He” is most probable with “doctor” (60 %) and least probable with “nurse” (10 %)."
    )
    assert list_rows(alone, "He", None)[0] == {"word": "nurse", "“He”": 0.1, "generated text": "She."}


def test_rows_are_sorted_by_the_share_of_the_token():
    found = list_rows([DOCTOR, NURSE, BAKER], "He", "She")
    assert [row["word"] for row in found] == ["nurse", "baker", "doctor"]
    assert found[0] == {"word": "nurse", "“He”": 0.1, "“She”": 0.3, "share of both": 0.25, "generated text": "She."}


@pytest.mark.parametrize("evil", EVIL)
def test_hostile_words_are_escaped(evil):
    page = ParsedHtml(describe_substitutions([Substitution(evil, 0.5, 0.1, evil)], evil, evil))
    assert not {"img", "script", "style"} & {tag for tag, _ in page.elements}
