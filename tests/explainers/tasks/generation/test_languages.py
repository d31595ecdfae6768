"""A translator of many languages reads and writes those that are set, as transformers' own translation does it."""

import copy

import pytest
import torch
import transformers
from transformers import AutoConfig

from explainers import Bundle, Request, explain, predict
from explainers.errors import BadRequest
from tests.support.generation_models import BEFORE, bundle_of, ids_of, request_of
from tests.support.tiny import CHARACTERS, SEQ2SEQ, WORDS, tokenizer_for

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")


def make_nllb():
    pieces = dict.fromkeys([*SPECIAL, "▁", *CHARACTERS])
    codes = ["eng_Latn", "fra_Latn", "deu_Latn"]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    return transformers.NllbTokenizer(vocab=vocabulary, merges=[], extra_special_tokens=codes)


def make_mbart50():
    scored = [(piece, 0.0) for piece in SPECIAL] + [(piece, -9.0) for piece in ("▁", *CHARACTERS)]
    return transformers.MBart50Tokenizer(vocab=[*scored, *((f"▁{word}", -5.0) for word in WORDS)])


def make(tokenizer, kind="m2m_100"):
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos")}
    size = SEQ2SEQ | ids | {"vocab_size": len(tokenizer), "init_std": 0.4, "forced_eos_token_id": None}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        config = AutoConfig.for_model(kind, **size, decoder_start_token_id=tokenizer.eos_token_id)
        return Bundle.of(transformers.AutoModelForSeq2SeqLM.from_config(config).eval(), tokenizer)


def ask(written="", **params):
    return request_of("marian", written, params={"most_new_tokens": 6} | params)


@pytest.mark.parametrize(
    ("tokenizer", "kind", "own", "source", "target"),
    [(make_nllb, "m2m_100", "eng_Latn", "deu_Latn", "fra_Latn"), (make_mbart50, "mbart", "en_XX", "de_DE", "fr_XX")],
)
def test_the_languages_are_set_as_by_transformers_and_the_tokenizer_is_restored(tokenizer, kind, own, source, target):
    bundle, other = make(tokenizer(), kind), tokenizer()
    request = ask(source_language=source, target_language=target)
    inputs = other._build_translation_inputs(BEFORE, return_tensors="pt", src_lang=source, tgt_lang=target)
    ids = bundle.model.generate(**inputs, max_new_tokens=7, num_beams=1, do_sample=False)[0, 2:].tolist()
    ids = ids[: ids.index(other.eos_token_id)] if other.eos_token_id in ids else ids
    assert ids_of(predict(request, bundle=bundle)) == ids
    explanation = explain(request, bundle=bundle)
    assert ids_of(explanation) == ids
    begun = [f.text for f in explanation.features if f.field == "target" and f.start is None]
    assert begun[:2] == ["</s>", target]
    assert explanation.tokens[0] == source
    assert explanation.notices == ()
    assert bundle.tokenizer.src_lang == own
    assert bundle.tokenizer(BEFORE)["input_ids"] == tokenizer()(BEFORE)["input_ids"]


def test_a_notice_asks_for_the_languages_that_are_not_set():
    bundle = make(make_nllb())
    notices = explain(ask("the soup"), bundle=bundle).notices
    assert any("No target language is set" in notice and "deu_Latn" in notice for notice in notices)
    assert any("read as eng_Latn" in notice for notice in notices)
    (notice,) = explain(ask("the soup", target_language="fra_Latn"), bundle=bundle).notices
    assert "read as eng_Latn" in notice
    bundle.model.generation_config.forced_bos_token_id = bundle.tokenizer.convert_tokens_to_ids("fra_Latn")
    (notice,) = explain(ask("the soup"), bundle=bundle).notices
    assert "read as eng_Latn" in notice


def test_a_multilingual_model_is_known_by_its_kind_if_its_tokenizer_has_no_codes():
    bundle = make(tokenizer_for("bart"))
    (notice,) = explain(ask("the soup"), bundle=bundle).notices
    assert "No target language is set" in notice
    bundle.model.generation_config.forced_bos_token_id = 7
    assert explain(ask("the soup"), bundle=bundle).notices == ()


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"target_language": "fre_Latn"}, "Target language cannot be 'fre_Latn'.* knows 3 codes, such as fra_Latn"),
        ({"source_language": "xx"}, "Source language cannot be 'xx'"),
    ],
)
def test_a_language_that_the_tokenizer_does_not_know_is_refused_with_those_that_it_knows(params, why):
    bundle = make(make_nllb())
    with pytest.raises(BadRequest, match=why):
        predict(ask(**params), bundle=bundle)
    assert bundle.tokenizer.src_lang == "eng_Latn"


@pytest.mark.parametrize("name", ["source_language", "target_language"])
def test_a_model_of_one_pair_of_languages_has_none_to_set(name):
    with pytest.raises(BadRequest, match=r"Leave (Source|Target) language empty"):
        predict(ask(**{name: "fr"}), bundle=bundle_of("marian"))


def test_the_code_of_m2m100_is_found_with_and_without_its_underscores():
    tokenizer = copy.deepcopy(tokenizer_for("bart"))
    tokenizer.add_special_tokens({"additional_special_tokens": ["__en__", "__fr__"]})
    bundle = make(tokenizer)
    found = [predict(ask("soup", target_language=code), bundle=bundle) for code in ("fr", "__fr__")]
    assert found[0] == found[1]
    features = explain(ask("soup", target_language="fr"), bundle=bundle).features
    assert "__fr__" in [feature.text for feature in features if feature.special]


def test_chat_models_have_no_languages():
    with pytest.raises(BadRequest, match="has no setting 'target_language'"):
        predict(Request("text_generation", "tiny", {"prompt": BEFORE}, params={"target_language": "fr"}))
