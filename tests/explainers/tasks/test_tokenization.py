"""The segments of a text join to the text, at both granularities and for every family of tokenizers."""

import random
import time
from copy import deepcopy
from functools import cache

import pytest
import regex
from transformers import AutoModelForMaskedLM, AutoModelForQuestionAnswering, AutoModelForSequenceClassification

from explainers import TASKS, Bundle, Request, Target, explain
from explainers.engine import validate
from explainers.inputs.text import GRAPHEME, WORD, find_words
from explainers.models.probes.embeddings import probe_embeddings
from explainers.progress import Run
from explainers.results.explanation import Feature
from explainers.tasks.tokenization import encode
from explainers.visualization.text.segments import has_score, rank_segments, split_segments
from tests.support.explanations import make_explanation as drawn
from tests.support.sentences import HOSTILE, SENTENCES
from tests.support.tiny import tiny, tokenizer_for

FAMILIES = ("bert", "xlm-roberta", "roberta")  # WordPiece, Unigram with ▁, byte-level
TEXTS = HOSTILE | {
    "contractions": "I don't know, and you’re right: rock'n'roll isn't well-known.",
    "spaces": "  two  spaces \n (and) more\t",
    "one sign": "!",
    "flags": "🇩🇪🇫🇷 1️⃣ ❤️ ok",
    "kana": "コーヒーを飲みました。がぎぐ",
    "hangul": "영화가 정말 좋았어요",
}


@cache
def found(kind: str, text: str):
    bundle = Bundle.of(*tiny(kind))
    return explain(Request("text_classification", "tiny", {"text": text}, "input_x_gradient"), bundle=bundle)


@pytest.fixture(params=[(kind, name) for kind in FAMILIES for name in TEXTS], ids=" ".join)
def whole(request):
    kind, name = request.param
    return found(kind, TEXTS[name])


def levels(explanation):
    return explanation, explanation.by_word()


def text_of(explanation):
    return explanation.request.texts["text"]


def test_the_segments_join_to_the_text(whole):
    for level in levels(whole):
        pieces = split_segments(level, "text")
        assert "".join(piece.text for piece in pieces) == text_of(whole)
        assert [piece.start for piece in pieces] == [0, *[piece.end for piece in pieces[:-1]]]
        assert all(piece.text == text_of(whole)[piece.start : piece.end] for piece in pieces)


def test_no_grapheme_cluster_is_ever_cut(whole):
    edges = {0, *[match.end() for match in regex.finditer(r"\X", text_of(whole))]}
    for level in levels(whole):
        assert {edge for piece in split_segments(level, "text") for edge in (piece.start, piece.end)} <= edges
    words = find_words(text_of(whole))
    assert {edge for word in words for edge in word} <= edges


def test_words_and_segments_keep_the_sum_of_scores(whole):
    tokens, words = levels(whole)
    total = float(tokens.scores.sum())
    special = sum(
        float(score) for feature, score in zip(tokens.features, tokens.scores[0], strict=True) if feature.special
    )
    assert abs(float(words.scores.sum()) - total) < 1e-5
    for level in levels(whole):
        shown = sum(piece.score for piece in split_segments(level, "text") if has_score(piece))
        assert abs(shown - (total - special)) < 1e-5


def test_a_token_points_to_the_word_it_begins_in(whole):
    words = find_words(text_of(whole))
    for feature in whole.features:
        if feature.special:
            assert (feature.start, feature.word) == (None, None)
        elif words and feature.start < words[-1][1]:
            start, end = words[feature.word]
            assert start <= feature.start < end


def test_words_begin_and_end_without_space(whole):
    for feature in whole.by_word().features:
        assert feature.text == feature.text.strip() != ""


def test_tokens_that_share_a_grapheme_are_one_segment_with_the_sum_of_their_scores():
    explanation = found("roberta", "I love 👩‍👩‍👧!")
    pieces = [piece for piece in split_segments(explanation, "text") if piece.text == "👩‍👩‍👧"]
    bytes_ = [
        float(score)
        for feature, score in zip(explanation.features, explanation.scores[0], strict=True)
        if feature.start is not None and 7 <= feature.start < 12
    ]
    assert len(pieces) == 1
    assert len(bytes_) > 10
    assert abs(pieces[0].score - sum(bytes_)) < 1e-5


SIGNS = list("ab 1.,'-!🇩🇪🇫👍\u200d\u0301\u0600\u0903👩🏽コ\u3099ー我\n\r\u200b가#️⃣$€")


@pytest.mark.parametrize("seed", range(200))
def test_any_tokens_of_any_text_are_neither_lost_nor_doubled_nor_cut(seed):
    source = random.Random(seed)
    text = "".join(source.choices(SIGNS, k=source.randint(1, 20)))
    spans = [sorted(source.choices(range(len(text) + 1), k=2)) for _ in range(source.randint(1, 8))]
    features = tuple(Feature("t", "text", start, end, 0) for start, end in spans)
    explanation = drawn(text, [source.uniform(-1, 1) for _ in spans], features=features)
    pieces = split_segments(explanation, "text")
    assert "".join(piece.text for piece in pieces) == text
    assert {piece.end for piece in pieces} <= {match.end() for match in regex.finditer(r"\X", text)}
    assert all(piece.text for piece in pieces)
    if any(end > start for start, end in spans):
        shown = sum(piece.score for piece in pieces if has_score(piece))
        assert shown == pytest.approx(float(explanation.scores.sum()), abs=1e-5)


def test_only_visible_tokens_of_a_grapheme_count():
    features = tuple(Feature("t", "text", 0, 2, 0) for _ in range(3))
    assert split_segments(drawn("ab", (0.5, float("nan"), 0.25), features=features), "text")[0].score == 0.75
    assert not has_score(split_segments(drawn("ab", (float("nan"),), features=features), "text")[0])


def test_a_segment_that_begins_inside_a_grapheme_is_widened_to_all_of_it():
    explanation = drawn("ae\u0301b", (0.5,), features=(Feature("x", "text", 2, 3, 0),))
    assert [(piece.text, piece.score) for piece in split_segments(explanation, "text")] == [
        ("a", None),
        ("e\u0301", 0.5),
        ("b", None),
    ]


@pytest.mark.parametrize("sign", ["🇩", "👩\u200d", "\u0301", "a-", "1.", "'", "我", " ", "ー", "\u200b"])
def test_a_text_of_100_000_characters_is_split_within_two_seconds(sign):
    text = sign * (100_000 // len(sign))
    started = time.process_time()
    assert sum(len(cluster) for cluster in GRAPHEME.findall(text)) == len(text)
    assert len(WORD.findall(text)) <= len(text)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I don't, you’re", ["I", "don't", ",", "you’re"]),
        ("'quoted' well-known", ["'", "quoted", "'", "well-known"]),
        ("3.5 stars, 1,000 votes.", ["3.5", "stars", ",", "1,000", "votes", "."]),
        ("wait... what?!", ["wait", "...", "what", "?!"]),
        ("我很喜欢。", ["我", "很", "喜", "欢", "。"]),
        ("コーヒーを飲む", ["コーヒーを", "飲", "む"]),
        ("👍🏽! 🇩🇪🇫🇷 👨‍👩‍👧", ["👍🏽", "!", "🇩🇪", "🇫🇷", "👨‍👩‍👧"]),
        ("Cafe\u0301 क्षत्रिय", ["Cafe\u0301", "क्षत्रिय"]),
        ("[SEP] <pad>", ["[", "SEP", "]", "<", "pad", ">"]),
        ("$5 + 3%", ["$", "5", "+", "3", "%"]),
    ],
)
def test_words_are_split_as_a_reader_would(text, words):
    assert WORD.findall(text) == words


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize("typed", ["[SEP]", "<pad>", "</s>", "[CLS]", "<unk>"])
def test_a_special_token_that_was_typed_is_text_like_any_other(kind, typed):
    explanation = found(kind, f"good {typed} film")
    assert "".join(piece.text for piece in split_segments(explanation, "text")) == f"good {typed} film"
    specials = [feature.special for feature in explanation.features]
    assert [i for i, special in enumerate(specials) if special] == [0, len(specials) - 1]
    covered = [
        feature for feature in explanation.features if feature.start is not None and 5 <= feature.start < 5 + len(typed)
    ]
    assert covered


@pytest.mark.parametrize("kind", FAMILIES)
def test_text_that_the_model_did_not_read_is_marked_and_shown(kind):
    text = " ".join(SENTENCES * 3)
    explanation = found(kind, text)
    for level in levels(explanation):
        *read, rest = split_segments(level, "text")
        assert "".join(piece.text for piece in read) + rest.text == text
        assert rest.read is False
        assert rest.score is None
        assert all(piece.read for piece in read)
    assert "grey text" in explanation.notices[0]


def test_a_tokenizer_that_cuts_on_the_left_leaves_the_beginning_unread():
    model, tokenizer = tiny("bert")
    left = deepcopy(tokenizer)
    left.truncation_side = "left"
    text = "good " * 200 + "bad"
    explanation = explain(
        Request("text_classification", "tiny", {"text": text}, "saliency"), bundle=Bundle.of(model, left)
    )
    first, *read = split_segments(explanation, "text")
    assert (first.read, {piece.read for piece in read}) == (False, {True})
    assert "grey text at the beginning" in explanation.notices[0]


def test_space_after_the_last_word_is_not_called_unread():
    *_, last = split_segments(found("bert", "good film  \n"), "text")
    assert (last.text, last.read) == ("  \n", True)


def test_a_token_of_space_belongs_to_the_next_word():
    explanation = found("roberta", "good   quiet")
    spaces = [feature for feature in explanation.features if feature.text == "␣"]
    assert spaces
    assert {(feature.start, feature.word) for feature in spaces} == {(7, 1)}
    assert [piece.text for piece in rank_segments(explanation.by_word())] != []
    assert explanation.by_word().tokens == ("<s>", "good", "quiet", "</s>")


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_word_keeps_its_decomposed_accents_even_if_the_tokenizer_drops_them(kind):
    text = "cafe\u0301 ou\u0300, e\u0301te\u0301"
    words = [feature for feature in found(kind, text).by_word().features if not feature.special]
    assert "".join(feature.text for feature in words) == text.replace(" ", "")
    assert all(feature.text == text[feature.start : feature.end] for feature in words)


def test_equal_words_stay_apart():
    assert found("bert", "i like it, i like it").by_word().tokens[1:-1] == ("i", "like", "it", ",", "i", "like", "it")


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_last_special_token_has_the_type_that_the_model_was_trained_with(kind):
    bundle = Bundle.of(*tiny(kind))
    encoded = encode(bundle, {"text": SENTENCES[0]})
    right = bundle.tokenizer(SENTENCES[0], return_tensors="pt")
    assert set(encoded.inputs) == {name for name in bundle.tokenizer.model_input_names if name in right}
    assert all(encoded.inputs[name].tolist() == right[name].tolist() for name in encoded.inputs)
    assert encoded.special.tolist() == [True] + [False] * (len(encoded.features) - 2) + [True]


def test_a_batch_is_the_inputs_repeated():
    encoded = encode(Bundle.of(*tiny("bert")), {"text": "good film"})
    assert all(rows.tolist() == encoded.inputs[name].tolist() * 3 for name, rows in encoded.batch(3).items())


@pytest.mark.parametrize("baseline", ["pad", "mask", "unk", "text"])
def test_the_baseline_is_made_of_the_tokens_that_were_chosen(baseline):
    bundle = Bundle.of(*tiny("bert"))
    params = {"baseline": baseline, "baseline_text": "the lake"}
    request = Request("text_classification", "tiny", {"text": SENTENCES[6]}, target=Target(index=0), params=params)
    problem = TASKS["text_classification"].encode(bundle, validate(request)[0], Run())
    ids = problem.internals.layer.baseline_ids[0].tolist()
    own = bundle.tokenizer(SENTENCES[6])["input_ids"]
    filler = getattr(bundle.tokenizer, f"{'pad' if baseline == 'text' else baseline}_token_id")
    other = bundle.tokenizer("the lake", add_special_tokens=False)["input_ids"] if baseline == "text" else []
    assert ids == [own[0], *other, *[filler] * (len(own) - 2 - len(other)), own[-1]]


def test_the_probe_finds_the_limit_and_the_embedding_modules():
    probe = probe_embeddings(*tiny("roberta"), "tiny")
    assert probe.longest == 128 - 2  # RoBERTa's positions begin behind its padding index
    assert probe.word is tiny("roberta")[0].roberta.embeddings.word_embeddings
    assert probe.position is tiny("roberta")[0].roberta.embeddings.position_embeddings
    assert probe_embeddings(*tiny("bart"), "tiny").word is tiny("bart")[0].model.encoder.embed_tokens
    assert tokenizer_for("bart").model_max_length == 512


def test_only_a_classifier_without_a_padding_token_reads_texts_one_at_a_time():
    model, tokenizer = tiny("bert", labels=2)
    config = deepcopy(model.config)
    config.pad_token_id = None
    assert probe_embeddings(model, tokenizer, "tiny").together == 64
    for auto, together in (
        (AutoModelForSequenceClassification, 1),
        (AutoModelForQuestionAnswering, 64),
        (AutoModelForMaskedLM, 64),
    ):
        assert probe_embeddings(auto.from_config(config).eval(), tokenizer, "tiny").together == together


def test_batches_shrink_with_the_length_but_never_below_one():
    probe = probe_embeddings(*tiny("bert"), "tiny")
    assert probe.batch(10) == 64
    assert probe.batch(10**9) == 1


def test_a_notice_says_that_a_baseline_text_is_cut():
    held = Bundle.of(*tiny("bert"))

    def read_notices(text: str, **params: object) -> tuple[str, ...]:
        params = {"baseline": "text", "baseline_text": text} | params
        request = Request("text_classification", "x", {"text": "the soup"}, "integrated_gradients", params=params)
        return tuple(notice for notice in explain(request, bundle=held).notices if "cut off" in notice)

    count = len(held.tokenizer("the soup", add_special_tokens=False)["input_ids"])
    longer = held.tokenizer("the cast was cold", add_special_tokens=False)["input_ids"]
    (notice,) = read_notices("the cast was cold")
    assert f"has {len(longer)} tokens, and the text has {count}" in notice
    assert repr(held.tokenizer.decode(longer[count:])) in notice
    assert read_notices("the soup") == read_notices("") == read_notices("the cast was cold", baseline="pad") == ()
