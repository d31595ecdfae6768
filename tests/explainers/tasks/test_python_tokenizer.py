"""A tokenizer that exists in Python only is read as the model reads it, with places in the text where they are sure."""

import numpy as np
import pytest
import torch
import transformers

from explainers import Bundle, Request, attack, explain, predict
from explainers.errors import Incompatible
from explainers.tasks._python_tokenizer import find_places
from explainers.tasks.tokenization import encode, tokenize
from tests.support.tiny import SMALL

TEXT = "Das Café 好 war gut"
LONG = "good film " * 40
RESIDUES = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]


@pytest.fixture(scope="module")
def esm(tmp_path_factory):
    """Make the tokenizer of ESM, which reads proteins."""
    file = tmp_path_factory.mktemp("esm") / "vocab.txt"
    file.write_text("\n".join(RESIDUES))
    return transformers.EsmTokenizer(str(file))


def make(kind, tokenizer, task="SequenceClassification", labels=3):
    """Make a tiny model for a tokenizer, with random weights."""
    size = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, "num_labels": labels}
    if tokenizer.mask_token_id is not None:
        size["mask_token_id"] = tokenizer.mask_token_id
    config = transformers.AutoConfig.for_model(kind, **SMALL | size, initializer_range=0.4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = getattr(transformers, f"AutoModelFor{task}").from_config(config, attn_implementation="eager")
    return Bundle.of(model.eval(), tokenizer)


def ask(text=TEXT, method="saliency", task="text_classification", **inputs):
    return Request(task, "x", {"text": text, **inputs} if text else inputs, method)


def cut(text, span):
    return text[span[0] : span[1]]


def test_bytes_of_one_character_share_its_place():
    tokenizer = transformers.ByT5Tokenizer()
    places = find_places(tokenizer, TEXT, tokenizer(TEXT, add_special_tokens=False)["input_ids"])
    expected = [sign.strip() for sign in TEXT for _ in sign.encode()]
    assert [cut(TEXT, span) for span in places] == expected


def test_characters_and_residues_have_their_places(esm):
    canine = transformers.CanineTokenizer()
    for tokenizer, text in ((canine, TEXT), (esm, "MKTAYIAK")):
        places = find_places(tokenizer, text, tokenizer(text, add_special_tokens=False)["input_ids"])
        assert [cut(text, span) for span in places] == [sign.strip() for sign in text]


def test_places_are_unknown_where_a_token_is(esm):
    ids = esm("MK oh", add_special_tokens=False)["input_ids"]
    assert find_places(esm, "MK oh", ids) == [None] * len(ids)


class Pieces:
    """Three ways in which Python tokenizers mark the parts of a word."""

    def __init__(self, join):
        self.convert_tokens_to_string = join
        self.convert_ids_to_tokens = list


@pytest.mark.parametrize(
    ("tokens", "join"),
    [
        (["play", "##ing", "don", "'", "t"], lambda tokens: " ".join(tokens).replace(" ##", "").strip()),
        (["play@@", "ing", "don@@", "'@@", "t"], lambda tokens: " ".join(tokens).replace("@@ ", "").strip()),
        (["play", "ing</w>", "don", "'", "t</w>"], lambda tokens: "".join(tokens).replace("</w>", " ").strip()),
        (["▁play", "ing", "▁don", "'", "t"], lambda tokens: "".join(tokens).replace("▁", " ").strip()),
    ],
)
def test_parts_of_words_have_places_whatever_marks_them(tokens, join):
    text = "Playing don't"
    spans = find_places(Pieces(join), text, tokens)
    assert [cut(text, span) for span in spans] == ["Play", "ing", "don", "'", "t"]


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_the_explained_score_is_that_of_the_pipeline(kind):
    tokenizer = transformers.ByT5Tokenizer()
    bundle = make(kind, tokenizer)
    pipe = transformers.pipeline("text-classification", model=bundle.model, tokenizer=tokenizer)
    (right,) = pipe(TEXT)
    assert predict(ask(), bundle=bundle).targets[0].probability == pytest.approx(right["score"], abs=1e-6)
    found = explain(ask(), bundle=bundle)
    assert found.values[0] == pytest.approx(right["score"], abs=1e-6)
    assert [word.text for word in found.by_word().features] == [*TEXT.split(), "</s>"]


def test_occlusion_of_a_word_is_the_fall_on_ids():
    tokenizer = transformers.ByT5Tokenizer()
    bundle = make("bert", tokenizer)
    found = explain(ask(method="occlusion"), bundle=bundle)
    ids = tokenizer(TEXT, return_tensors="pt")["input_ids"]
    without = ids.clone()
    without[0, 3:9] = tokenizer.pad_token_id  # the space before Café, and its five bytes
    with torch.no_grad():
        one, other = (bundle.model(input_ids=row, attention_mask=torch.ones_like(row)).logits for row in (ids, without))
    index = found.targets[0].index
    fall = float((one.softmax(-1) - other.softmax(-1))[0, index])
    assert dict(found.by_word().pairs())["Café"] == pytest.approx(fall, abs=1e-6)


def test_tokens_without_places_are_shown_as_tokens_and_cannot_be_attacked(esm):
    bundle = make("esm", esm)
    found = explain(ask("MK oh"), bundle=bundle)
    assert found.tokens == ("<cls>", "M", "K", "<unk>", "<eos>")
    assert np.isfinite(found.scores).all()
    with pytest.raises(Incompatible, match="which token"):
        attack("input_reduction", ask("MK oh"), bundle=bundle)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize(
    "texts", [("good film " * 40,), ("good film " * 40, "bad"), ("so so " * 20, "good film " * 40)]
)
def test_a_long_text_is_cut_as_the_tokenizer_cuts_it(texts, side):
    tokenizer = transformers.ByT5Tokenizer(truncation_side=side)
    bundle = make("bert", tokenizer)
    encoded = encode(bundle, dict(zip("ab", texts, strict=False)))
    right = tokenizer(*texts, truncation="longest_first", max_length=bundle.embeddings.longest)
    assert encoded.inputs["input_ids"][0].tolist() == right["input_ids"]
    assert encoded.notices


def test_windows_cover_the_context_and_overlap():
    tokenizer = transformers.ByT5Tokenizer()
    bundle = make("bert", tokenizer, "QuestionAnswering", 2)
    question, context = "Who?", "It was Clara Weiss who built it. " * 8
    rows = tokenize(bundle, {"question": question, "context": context}, truncation="only_second", stride=20)
    size = bundle.embeddings.longest - len(question) - 2
    starts = range(0, len(context) - 20, size - 20)
    for encoding, first in zip(rows.encodings, starts, strict=True):
        spans = [span for span, part in zip(encoding.offsets, encoding.sequence_ids, strict=True) if part == 1]
        assert len(spans) == min(size, len(context) - first)
        assert spans[1 if context[first] == " " else 0][0] in (first, first + 1)
    found = explain(ask("", task="question_answering", question=question, context=context), bundle=bundle)
    assert found.targets[0].text in context


def test_a_tokenizer_with_more_ids_than_the_model_is_named():
    bundle = make("bert", transformers.ByT5Tokenizer())
    bundle.model.resize_token_embeddings(50)
    with pytest.raises(Incompatible, match="the ids 0 to 49 only"):
        predict(ask(), bundle=bundle)


@pytest.mark.parametrize("inputs", [{"source": "good film"}, {"source": "good film", "target": "ok"}])
def test_a_translator_with_byt5s_tokenizer_is_explained_byte_by_byte(inputs):
    tokenizer = transformers.ByT5Tokenizer()
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    config = transformers.T5Config(vocab_size=len(tokenizer), decoder_start_token_id=0, **sizes)
    torch.manual_seed(0)
    model = transformers.T5ForConditionalGeneration(config).eval()
    request = Request("translation", "tiny", inputs, "occlusion", params={"most_new_tokens": 2})
    explanation = explain(request, bundle=Bundle.of(model, tokenizer))
    source = [feature for feature in explanation.features if feature.field == "source" and not feature.special]
    places = [(feature.start, feature.end) for feature in source if feature.start != feature.end]
    assert places == [(i, i + 1) for i, letter in enumerate("good film") if letter != " "]
    if "target" in inputs:
        target = [feature.text for feature in explanation.features if feature.field == "target" and not feature.special]
        assert "".join(target) == "ok"
