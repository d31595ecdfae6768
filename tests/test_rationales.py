"""The benchmark of plausibility: what people marked is found at its characters, and a perfect map gets full marks."""

import gzip
import io
import json
import tarfile

import numpy as np
import pytest
import torch

from bench.plausibility import Case, compute_result, normalise_answer
from bench.rationales import read_questions, read_reviews
from explainers.evaluation.perturbation import make_test
from tests.support.problems import make_linear_problem

REVIEW = "a first line that says little .\nthe cast is dull , and so is the plot .\nwe went home .\nit rained .\n"


def reviewed(folder, marks, name="negR_1.txt"):
    """A folder with one review, in which the tokens from and to of each of `marks` are marked."""
    place = folder / "eraser_movies"
    place.mkdir()
    with tarfile.open(place / "docs.tar.gz", "w:gz") as documents:
        data = REVIEW.encode()
        info = tarfile.TarInfo(f"docs/{name}")
        info.size = len(data)
        documents.addfile(info, io.BytesIO(data))
    evidences = [[{"start_token": start, "end_token": end}] for start, end in marks]
    row = {"annotation_id": name, "classification": "NEG", "evidences": evidences}
    (place / "test.jsonl.gz").write_bytes(gzip.compress(json.dumps(row).encode()))
    return folder


def test_a_review_becomes_the_sentence_that_people_marked_most_with_its_neighbours(tmp_path):
    (found,) = read_reviews(reviewed(tmp_path, [(0, 1), (10, 11), (14, 17)]))
    text = found.inputs["text"]
    assert text == " ".join(REVIEW.split("it rained")[0].split())
    assert [text[start:end] for start, end in found.marked] == ["a", "dull", "is", "the", "plot"]
    assert found.right == ("NEGATIVE",)


@pytest.mark.parametrize("marks", [[(0, 19)], []])
def test_a_passage_that_is_marked_almost_everywhere_or_nowhere_is_left_out(tmp_path, marks):
    assert list(read_reviews(reviewed(tmp_path, marks))) == []


def test_a_question_comes_with_the_characters_of_its_evidence(tmp_path):
    place = tmp_path / "expmrc_squad"
    place.mkdir()
    context = "The swan came late. The concert stopped at nine. Nobody minded, and the piano was sold in spring."
    asked = {"question": "When?", "answers": [{"text": "nine"}, {"text": "at nine"}]}
    evidences = ["The concert stopped at nine."] * 2
    rows = {"data": [{"paragraphs": [{"context": context, "qas": [asked | {"evidences": evidences}]}]}]}
    (place / "expmrc-squad-dev.json.gz").write_bytes(gzip.compress(json.dumps(rows).encode()))
    (found,) = read_questions(tmp_path)
    assert [context[start:end] for start, end in found.marked] == evidences[:1]
    assert found.right == ("nine", "at nine")
    assert normalise_answer("The Nine.") == "nine"


def test_an_explanation_of_exactly_the_marked_words_scores_one_and_its_reverse_zero():
    problem, _, products = make_linear_problem(features=6, targets=1)
    inside = torch.tensor([True, True, True, True, True, False])
    marked = torch.tensor([False, True, False, True, False, False])
    case = Case(problem, torch.arange(6), inside, marked)

    def scored(scores):
        return compute_result(case, make_test(problem, scores, case.groups, 0, True), np.zeros(30), 1.5)

    best = scored(torch.tensor([0.0, 0.5, 0.0, 0.3, 0.0, 0.9]))  # the last is of another input, which nobody marked
    assert (best.auprc, best.f1, best.hit, best.mass) == pytest.approx((1, 1, 1, 1))
    worst = scored(torch.tensor([0.3, 0.1, 0.3, 0.0, 0.4, 0.0]))
    assert (worst.f1, worst.hit) == (0, 0)
    assert worst.auprc == pytest.approx((1 / 4 + 2 / 5) / 2)
    assert worst.mass == pytest.approx(0.1 / 1.1)
    true = scored(products[0])
    assert true.aopc == pytest.approx(float(products[0].sort(descending=True).values.cumsum(0).mean()), abs=1e-5)
    assert true.beats == (true.aopc > 0)
