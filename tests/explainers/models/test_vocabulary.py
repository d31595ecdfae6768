"""The vocabulary of a tokenizer, and the rows of the embedding table that the model reads."""

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import BertPreTokenizer
from transformers import PreTrainedTokenizerFast

from explainers import TASKS, Bundle, Request
from explainers.engine import validate
from explainers.models.vocabulary import match_case, read_vocabulary
from explainers.progress import Run
from tests.support.sentences import SENTENCES
from tests.support.tiny import EVERY, IMAGES, WORDPIECE, WORDS, tiny

KINDS = [kind for kind in EVERY if kind not in (*IMAGES, "marian")]


def encoded(bundle, task="text_classification", **more):
    request = Request(task, "tiny", {"text": SENTENCES[6]} | more)
    return TASKS[task].encode(bundle, validate(request)[0], Run())


@pytest.mark.parametrize("kind", KINDS)
def test_every_feature_is_the_row_of_its_id_in_the_embedding_table(kind):
    bundle = Bundle.of(*tiny(kind))
    problem = encoded(bundle)
    assert len(problem.internals.table) == len(bundle.embeddings.word.weight)
    ids = bundle.tokenizer(SENTENCES[6], return_tensors="pt")["input_ids"]  # (1, F)
    torch.testing.assert_close(problem.internals.table[ids], problem.x, rtol=0, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_vocabulary_has_exactly_the_words_of_one_token(kind):
    tokenizer = tiny(kind)[1]
    found = read_vocabulary(tokenizer)
    for word, token in zip(found.words, found.ids.tolist(), strict=True):
        assert tokenizer(f"a {word}", add_special_tokens=False)["input_ids"][-1:] == [token]
    known = {word for word in WORDS if len(word) > 1}
    assert known <= set(found.words)
    assert found.folds == (kind in WORDPIECE)


def test_the_alternatives_of_a_word_are_the_other_words_of_its_script():
    words = ["why", "Why", "слово", "good", "好"]
    tokenizer = Tokenizer(WordPiece({w: i for i, w in enumerate(["[UNK]", "a", *words])}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = BertPreTokenizer()
    found = read_vocabulary(PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]"))
    instead = {
        old: [found.words[i] for i in found.find_alternatives(old).nonzero().flatten()]
        for old in ("WHY", "тогда", "12")
    }
    assert instead == {"WHY": ["good"], "тогда": ["слово"], "12": []}
    assert not found.folds


@pytest.mark.parametrize(
    ("word", "model", "cased"),
    [("sad", "Good", "Sad"), ("sad", "GOOD", "SAD"), ("sad", "good", "sad"), ("you", "I", "You")],
)
def test_a_new_word_takes_the_case_of_the_old_one(word, model, cased):
    assert match_case(word, model) == cased
