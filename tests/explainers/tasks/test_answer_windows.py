"""Contexts beyond a model's limit are read in overlapping windows, and the best window is explained."""

import pytest
import torch

from explainers import Bundle, explain
from explainers.engine import validate
from explainers.errors import LimitReached
from explainers.progress import Run
from explainers.tasks import TASKS
from explainers.visualization.text.segments import split_segments
from tests.explainers.tasks.test_question_answering import KINDS, QUESTION, make_request
from tests.support.sentences import SENTENCES
from tests.support.tiny import tiny

LONG = " ".join(SENTENCES)


@pytest.fixture
def bert():
    return Bundle.of(*tiny("bert", task="question_answering"))


def count_read_tokens(bundle, explanation):
    """Return the numbers of the first and last token read, and of all tokens, from a separate tokenizer call."""
    offsets = bundle.tokenizer(LONG, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    own = [(f.start, f.end) for f in explanation.features if f.field == "context" and f.start is not None]
    inside = [i for i, (start, end) in enumerate(offsets) if start < own[-1][1] and end > own[0][0]]
    return inside[0] + 1, inside[-1] + 1, len(offsets)


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta"])
def test_the_window_with_the_best_answer_is_explained_and_named(kind):
    bundle = Bundle.of(*tiny(kind, task="question_answering"))
    sums = []
    rows = bundle.tokenizer(
        QUESTION, LONG, truncation="only_second", max_length=bundle.embeddings.longest, stride=40, return_tensors=None,
        return_overflowing_tokens=True,
    )  # fmt: skip
    assert len(rows.encodings) > 5
    explanation = explain(make_request(LONG, "saliency"), bundle=bundle)
    first, last, total = count_read_tokens(bundle, explanation)
    assert f"tokens {first:,} to {last:,} of {total:,}" in explanation.notices[0]
    assert explanation.prediction.text in LONG
    room = last - first + 1
    for start in range(0, total - room // 2, room - room // 2):  # every window, by hand
        sums.append(find_best_sum(bundle, start, room))
    assert max(sums) == pytest.approx(
        float(explain(make_request(LONG, "saliency", unit="logit"), bundle=bundle).values[0]), abs=1e-4
    )


def find_best_sum(bundle, start, room):
    """Return the highest start logit plus end logit of a valid span in the tokens from `start` on."""
    ids = bundle.tokenizer(LONG, add_special_tokens=False)["input_ids"][start : start + room]
    own = bundle.tokenizer(QUESTION, "a", return_tensors="pt", return_token_type_ids=True)
    place = own.sequence_ids(0).index(1)
    row, types = own["input_ids"][0].tolist(), own["token_type_ids"][0].tolist()
    ids_of_window = torch.tensor([row[:place] + ids + row[place + 1 :]])
    types_of_window = torch.tensor([types[:place] + types[place : place + 1] * len(ids) + types[place + 1 :]])
    inputs = {"input_ids": ids_of_window, "attention_mask": torch.ones_like(ids_of_window)}
    if "token_type_ids" in bundle.tokenizer.model_input_names:
        inputs["token_type_ids"] = types_of_window
    with torch.no_grad():
        output = bundle.model(**inputs)
    starts, ends = (v[0, place : place + len(ids)].numpy() for v in (output.start_logits, output.end_logits))
    return max(starts[i] + ends[j] for i in range(len(ids)) for j in range(i, min(i + 30, len(ids))))


def test_text_before_and_after_the_window_is_marked_as_not_read(bert):
    best = None
    for shift in range(len(SENTENCES)):
        context = " ".join((*SENTENCES[shift:], *SENTENCES[:shift]))
        explanation = explain(make_request(context, "saliency"), bundle=bert)
        segments = split_segments(explanation, "context")
        assert "".join(segment.text for segment in segments) == context
        if not segments[0].read and not segments[-1].read:
            best = segments
            break
    assert best is not None  # a window in the middle was the best one
    assert all(segment.read for segment in best[1:-1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_context_within_the_limit_is_read_whole_without_a_notice(kind):
    bundle = Bundle.of(*tiny(kind, task="question_answering"))
    explanation = explain(make_request(SENTENCES[11], method="saliency"), bundle=bundle)
    assert not [notice for notice in explanation.notices if "window" in notice]
    assert len(explanation.features) == len(bundle.tokenizer(QUESTION, SENTENCES[11])["input_ids"])


def test_every_window_counts_as_a_pass_and_can_be_cancelled(bert):
    run = Run(most_passes=100)
    TASKS["question_answering"].encode(bert, validate(make_request(LONG))[0], run)
    assert run.forward > 5

    class Left(BaseException):
        pass

    def leave(what, share):
        raise Left

    with pytest.raises(Left):
        TASKS["question_answering"].encode(bert, validate(make_request(LONG))[0], Run(progress=leave))


def test_a_question_that_leaves_no_room_for_the_context_is_refused_with_its_length(bert):
    with pytest.raises(LimitReached, match=r"question has [\d,]+ tokens.* 128 "):
        explain(make_request(question=LONG), bundle=bert)
