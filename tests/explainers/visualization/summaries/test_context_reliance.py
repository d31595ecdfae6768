"""The summary of context reliance, the marked text and the rows."""

import numpy as np
import pytest

from explainers.visualization.summaries.context_reliance import (
    describe_reliance,
    list_rows,
    render_marked,
    render_plain,
)
from tests.support.explanations import EVIL, ParsedHtml
from tests.support.generations import generation


def test_the_summary_counts_the_tokens_and_names_the_words_they_depend_on():
    explanation = generation()
    one = ParsedHtml(describe_reliance(explanation, [(0, ["France", "capital", "of"])])).text()
    assert one == "1 of 3 generated tokens depends on the context: “Paris” on “France” and “capital”."
    assert (
        ParsedHtml(describe_reliance(explanation, [(0, []), (1, [])]))
        .text()
        .endswith("on the context, but on no single part of it.")
    )
    assert describe_reliance(explanation, []).startswith("None of the 3 generated tokens stands out")


def test_the_text_is_complete_and_the_dependent_tokens_are_framed():
    page = ParsedHtml(render_marked(generation(), [0, 2]))
    assert page.text() == " Paris."
    assert page.text("wf-c-on") == "Par."
    prefixed = ParsedHtml(render_marked(generation(), [0, 2], "Well, <b>"))
    assert (prefixed.text("wf-c-begun"), prefixed.text()) == ("Well, <b>", "Well, <b> Paris.")
    assert ParsedHtml(render_plain("a <b>")).text() == "a <b>"
    assert ParsedHtml(render_plain("")).text() == "nothing: the model ends its text at once"


def test_a_row_has_the_measure_the_token_without_the_context_and_the_words_it_depends_on():
    (first, second) = list_rows(
        generation(), np.array([0.5, 2, 0], np.float32), [(0, "Lon", ["France"]), (1, None, [])]
    )
    assert first == {"generated": "Paris", "measure": 0.5, "without the context": "Lon", "depends on": "France"}
    assert (second["without the context"], second["depends on"]) == ("the same", "no single part")


@pytest.mark.parametrize("evil", EVIL)
def test_hostile_words_are_escaped(evil):
    explanation = generation((evil, "b"), (evil, "c"), texts=(f"{evil} b", f"{evil} c"))
    page = ParsedHtml(
        describe_reliance(explanation, [(0, [evil])]) + render_marked(explanation, [0]) + render_plain(evil)
    )
    assert not {"img", "script", "style"} & {tag for tag, _ in page.elements}
