"""Contexts that are too long for a model: read in windows, of which the best is explained."""

import pytest
import torch

from explainers import Bundle, explain
from explainers.errors import LimitReached
from explainers.progress import Run
from explainers.tasks import TASKS
from explainers.visualization.text.segments import split_segments
from tests.explainers.tasks.test_question_answering import KINDS, QUESTION, asked
from tests.support.sentences import SENTENCES
from tests.support.tiny import tiny

LONG = " ".join(SENTENCES)


@pytest.fixture
def bert():
    return Bundle.of(*tiny("bert", task="question_answering"))


def read_part(bundle, found):
    """Number of the first and last token read, and of all tokens, by a tokenizer call of its own."""
    offsets = bundle.tokenizer(LONG, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    own = [(f.start, f.end) for f in found.features if f.field == "context" and f.start is not None]
    inside = [i for i, (start, end) in enumerate(offsets) if start < own[-1][1] and end > own[0][0]]
    return inside[0] + 1, inside[-1] + 1, len(offsets)


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta"])
def test_of_a_long_context_the_window_with_the_best_answer_is_explained_and_named(kind):
    bundle = Bundle.of(*tiny(kind, task="question_answering"))
    sums = []
    rows = bundle.tokenizer(
        QUESTION, LONG, truncation="only_second", max_length=bundle.embeddings.longest, stride=40, return_tensors=None,
        return_overflowing_tokens=True,
    )  # fmt: skip
    assert len(rows.encodings) > 5
    found = explain(asked(LONG, "saliency"), bundle=bundle)
    first, last, total = read_part(bundle, found)
    assert f"it read tokens {first:,} to {last:,} of {total:,}; the rest is grey." in found.notices[0]
    assert found.prediction.text in LONG
    room = last - first + 1
    for start in range(0, total - room // 2, room - room // 2):  # every window, by hand
        sums.append(best_of_window(bundle, start, room))
    assert max(sums) == pytest.approx(
        float(explain(asked(LONG, "saliency", unit="logit"), bundle=bundle).values[0]), abs=1e-4
    )


def best_of_window(bundle, start, room):
    """The highest sum of a valid span in the tokens from `start` on."""
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


def test_what_lies_before_and_behind_the_window_is_marked_as_not_read(bert):
    best = None
    for shift in range(len(SENTENCES)):
        context = " ".join((*SENTENCES[shift:], *SENTENCES[:shift]))
        found = explain(asked(context, "saliency"), bundle=bert)
        pieces = split_segments(found, "context")
        assert "".join(piece.text for piece in pieces) == context
        if not pieces[0].read and not pieces[-1].read:
            best = pieces
            break
    assert best is not None  # a window in the middle was the best one
    assert all(piece.read for piece in best[1:-1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_context_that_fits_is_read_whole_and_without_a_notice(kind):
    bundle = Bundle.of(*tiny(kind, task="question_answering"))
    found = explain(asked(SENTENCES[11], method="saliency"), bundle=bundle)
    assert not [notice for notice in found.notices if "window" in notice]
    assert len(found.features) == len(bundle.tokenizer(QUESTION, SENTENCES[11])["input_ids"])


def test_every_window_is_counted_and_can_be_the_last(bert):
    run = Run(most_passes=100)
    TASKS["question_answering"].encode(bert, asked(LONG), run)
    assert run.forward > 5

    class Left(BaseException):
        pass

    def leave(what, share):
        raise Left

    with pytest.raises(Left):
        TASKS["question_answering"].encode(bert, asked(LONG), Run(progress=leave))


def test_a_question_that_fills_the_model_is_refused_with_its_length(bert):
    with pytest.raises(LimitReached, match=r"The question has [\d,]+ tokens, and the model reads 128 at most"):
        explain(asked(question=LONG), bundle=bert)
