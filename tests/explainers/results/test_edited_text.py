"""A text as words that are replaced or dropped."""

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
def test_words_and_gaps_make_the_text_and_spans_are_right(kind, text):
    edited = read(text, kind)
    assert edited.text.strip() == text.strip()
    for word, (start, end) in zip(edited.words, edited.spans, strict=True):
        assert edited.text[start:end] == word.text == text[word.start : word.end]
        assert edited.locate(word.start) == start


def test_replacing_a_word_moves_the_following_ones():
    edited = make_attacked_text("one two  three").replace_word(1, "seventeen", 0.5)
    assert edited.text == "one seventeen  three"
    assert edited.locate(9) == 15
    assert [(e.position, e.old, e.new, e.score, e.start, e.end) for e in edited.edits] == [
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
    edited = read(text)
    gone = [i for i, word in enumerate(edited.words) if word.text in dropped]
    assert edited.drop_words(gone).text == left
    assert [edit.old for edit in edited.drop_words(gone).edits] == dropped


def test_what_the_model_did_not_read_is_no_part_of_the_text_that_is_changed():
    text = " ".join(SENTENCES * 8)
    edited = read(text)
    assert text.startswith(edited.text)
    assert len(edited.text) < len(text)
