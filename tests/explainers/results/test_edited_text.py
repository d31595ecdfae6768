"""Texts in words: every word keeps its place, and none grows into another when those between them go."""

import pytest

from explainers import Bundle
from explainers.results.edited_text import AttackedText
from explainers.tasks.tokenization import encode
from tests.support.sentences import HOSTILE, SENTENCES
from tests.support.target_models import make_attacked_text
from tests.support.tiny import tiny


def read(text, kind="bert"):
    return AttackedText.of(text, [f for f in encode(Bundle.of(*tiny(kind)), {"text": text}).features if not f.special])


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
@pytest.mark.parametrize("text", [*SENTENCES[:4], HOSTILE["emoji"], HOSTILE["image"], "你好,世界 hello"])
def test_a_text_is_the_sum_of_its_pieces_and_each_lies_where_it_says(kind, text):
    wording = read(text, kind)
    assert wording.text.strip() == text.strip()
    for piece, (start, end) in zip(wording.pieces, wording.places, strict=True):
        assert wording.text[start:end] == piece.text == text[piece.start : piece.end]
        assert wording.now(piece.start) == start


def test_a_swap_changes_one_word_and_moves_the_others_along():
    wording = make_attacked_text("one two  three").swapped(1, "seventeen", 0.5)
    assert wording.text == "one seventeen  three"
    assert wording.now(9) == 15
    assert [(e.position, e.old, e.new, e.score, e.start, e.end) for e in wording.edits] == [
        (1, "two", "seventeen", 0.5, 4, 7)
    ]


@pytest.mark.parametrize(
    ("text", "dropped", "left"),
    [
        ("The soup, cold.", ["The"], "soup, cold."),
        ("The soup, cold.", [","], "The soup cold."),
        ("The soup, cold.", ["soup"], "The, cold."),
        ("and/or not", ["/"], "and or not"),
        ("你好世界", ["好"], "你世界"),
        ("one (two) three", ["(", ")"], "one two three"),
        ("one (two) three", ["(", "two", ")"], "one three"),
    ],
)
def test_dropped_words_leave_no_holes_and_no_words_that_were_not_there(text, dropped, left):
    wording = read(text)
    gone = [i for i, piece in enumerate(wording.pieces) if piece.text in dropped]
    assert wording.without(gone).text == left
    assert [edit.old for edit in wording.without(gone).edits] == dropped


def test_what_the_model_did_not_read_is_no_part_of_the_text_that_is_changed():
    text = " ".join(SENTENCES * 8)
    wording = read(text)
    assert text.startswith(wording.text)
    assert len(wording.text) < len(text)
