"""The benchmark of facts: which facts are measured, and the rank and share of their subject."""

import gzip
import json

import numpy as np
import pytest

from bench.facts import Fact, make_row, measure_explanation, read_facts, select_correct
from tests.support.generations import generation


def test_only_facts_whose_subject_occurs_once_in_the_prompt_are_measured(tmp_path):
    (tmp_path / "known_facts").mkdir()
    rows = [
        {"prompt": "The tower of Nalon is in", "subject": "tower of Nalon", "attribute": "Nalon"},
        {"prompt": "Nalon and Nalon are in", "subject": "Nalon", "attribute": "Italy"},
    ]
    (tmp_path / "known_facts" / "known_1000.json.gz").write_bytes(gzip.compress(json.dumps(rows).encode()))
    (fact,) = read_facts(tmp_path)
    assert fact == Fact("The tower of Nalon is in", "Nalon", (4, 18))


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "kept"), [("Paris", True), ("London", False), ("Par", False)])
def test_a_fact_is_completed_if_the_first_token_begins_its_answer(answer, kept):
    fact = Fact("The capital of France is", answer, (15, 21))
    assert list(select_correct(iter([fact]))) == [fact] * kept


def test_the_subject_is_top_if_one_of_its_words_is_strongest_and_has_its_share_of_all_credit():
    explanation = generation()
    prompt = explanation.request.texts["prompt"]
    places = [i for i, f in enumerate(explanation.by_word().features) if f.field == "prompt" and f.start is not None]
    words = explanation.by_word()
    sizes = np.abs(words.scores[0, places])
    best = words.features[places[int(sizes.argmax())]]
    one = measure_explanation(explanation, Fact(prompt, "", (best.start, best.end)))
    assert one.top
    assert one.share == pytest.approx(float(sizes.max() / sizes.sum()))
    assert one.chance == pytest.approx(1 / len(places))
    rest = next(words.features[i] for i in places if words.features[i] is not best)
    assert not measure_explanation(explanation, Fact(prompt, "", (rest.start, rest.end))).top
    assert make_row("saliency", [one, measure_explanation(explanation, Fact(prompt, "", (rest.start, rest.end)))])[
        :2
    ] == (
        "Saliency",
        "50 %",
    )
