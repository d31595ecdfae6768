"""The summary of a generation."""

from dataclasses import replace

import numpy as np

from explainers.request import Request
from explainers.visualization.summaries.generation import describe_generation, find_strongest_row, list_sources
from explainers.visualization.summaries.provenance import list_provenance
from tests.support.explanations import ParsedHtml
from tests.support.generations import generation

SCORES = [[0.1, 0.2, -0.3, 0.9, 0.5], [0.25, 0, 0.1, -0.2, 0.1, 0.8], [0.1, 0.1, 0.1, 0.1, 0.1, -0.2, 0.6]]


def test_the_summary_names_the_strongest_token_and_its_sources():
    explanation = generation(scores=SCORES)
    assert find_strongest_row(explanation) == 0
    said = ParsedHtml(describe_generation(explanation)).text()
    assert said == "In this text, the model predicts Par (50 %). “France” and “is” push hardest towards it."
    free = replace(explanation, request=replace(explanation.request, inputs={"prompt": "The capital of France is"}))
    assert ParsedHtml(describe_generation(free)).text().startswith("The model generated Par (50 %). “France”")


def test_the_summary_of_a_contrast_names_both_tokens():
    against = [[0.1, 0.2, -0.8, 0.9, 0.1], *SCORES[1:]]
    explanation = generation(scores=against)
    explanation = replace(explanation, targets=(replace(explanation.targets[0], foil="Lon"), *explanation.targets[1:]))
    said = ParsedHtml(describe_generation(explanation)).text()
    assert "rather than Lon. “France” pushes hardest towards it; “of” pushes against it. Blue pushes" in said


def test_positive_sources_come_before_negative_ones():
    mixed = generation(scores=[[0.1, 0.2, -0.9, 0.5, 0.1], [0] * 6, [0] * 7])
    assert (
        "“France” pushes hardest towards it; “of” pushes against it." in ParsedHtml(describe_generation(mixed)).text()
    )
    against = generation(scores=[[0, 0, -0.9, 0, 0], [0] * 6, [0] * 7])
    assert "Par (50 %). “of” pushes against it." in ParsedHtml(describe_generation(against)).text()


def test_a_free_continuation_is_called_generated():
    free = generation(request=Request("text_generation", "m", {"prompt": "The capital of France is", "system": "Hi"}))
    assert describe_generation(free).startswith("The model generated")


def test_the_summary_counts_sketches():
    explanation = generation(scores=SCORES)
    assert "sketch" not in describe_generation(explanation)
    assert "1 of 3 explanations are only sketches" in describe_generation(
        replace(explanation, converged=(True, False, True))
    )
    baselines = explanation.baselines + np.array([0, 0, 5], np.float32)
    assert "2 of 3 explanations are only" in describe_generation(
        replace(explanation, baselines=baselines, converged=(True, False, True))
    )


def test_unsigned_and_zero_scores_have_their_own_sentences():
    assert (
        "“France” and “is” have the largest score"
        in ParsedHtml(describe_generation(generation(scores=SCORES, signed=False))).text()
    )
    nothing = generation(scores=[[0] * 5, [0] * 6, [0] * 7])
    assert "has the score 0" in ParsedHtml(describe_generation(nothing)).text()


def test_punctuation_is_a_source_only_if_there_is_nothing_else():
    explanation = generation(("Hi", "!"), ("yes",), [[0.1, 0.9]], texts=("Hi!", " yes"))
    assert [explanation.tokens[place] for place, _ in list_sources(explanation, 0)] == ["Hi"]
    silent = generation(("?", "!"), ("yes",), [[0.1, 0.9]], texts=("?!", " yes"))
    assert [silent.tokens[place] for place, _ in list_sources(silent, 0)] == ["!", "?"]


def test_the_provenance_of_a_generation_counts_its_tokens():
    assert dict(list_provenance(generation()))["Explained"] == "each of 3 generated tokens, here Par, in probability"
