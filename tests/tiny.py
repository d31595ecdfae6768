"""Tiny random classifiers of many architectures, with tokenizers made of the words of our own sentences.

Weights are drawn wide (`initializer_range` 0.4): at the default 0.02 every score is near 1e-9 and every test passes.
"""

from functools import cache

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

from .sentences import SENTENCES

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 128,
}
CONFIGS = {
    "bert": SMALL,
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "max_position_embeddings": 128},
    "roberta": SMALL,
    "xlm-roberta": SMALL,
    "deberta-v2": SMALL | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0},
    "albert": SMALL | {"embedding_size": 16},
    "electra": SMALL | {"embedding_size": 16},
    "bart": {
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 48,
        "decoder_ffn_dim": 48,
        "max_position_embeddings": 128,
    },
}
WORDPIECE = ("bert", "distilbert", "electra")
METASPACE = ("xlm-roberta", "albert", "deberta-v2")
# No trainer: its ties fall differently in every process, and the models below would see other tokens each time.
CHARACTERS = sorted({sign for text in SENTENCES for sign in text.lower() if not sign.isspace()})
WORDS = sorted({word for text in SENTENCES for word in text.lower().split() if word.isalpha()})[::2]


def growing(word: str) -> list[tuple[str, str]]:
    """The merges that build a word from its left."""
    return [(word[:end], word[end]) for end in range(1, len(word))]


@cache
def tiny(kind: str, labels: int = 3, wide: float = 0.4, **changes: object) -> tuple:
    """A model of architecture `kind` with random weights, and its tokenizer."""
    tokenizer = tokenizer_for(kind)
    state = torch.get_rng_state()
    torch.manual_seed(7)
    size = {"initializer_range": wide, "init_std": wide, "vocab_size": len(tokenizer), "num_labels": labels}
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos")}
    config = AutoConfig.for_model(kind, **CONFIGS[kind], **size, **ids, **changes)
    model = AutoModelForSequenceClassification.from_config(config).eval()
    torch.set_rng_state(state)
    return model, tokenizer


@cache
def tokenizer_for(kind: str) -> PreTrainedTokenizerFast:
    """A fast tokenizer in the manner of the architecture: WordPiece, Unigram with ▁, or byte-level BPE."""
    if kind in WORDPIECE:
        names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
        pieces = [*names.values(), *CHARACTERS, *[f"##{sign}" for sign in CHARACTERS], *WORDS]
        vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
        tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
    else:
        names = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>"}
        names |= {"cls": "<s>", "sep": "</s>"}
        specials = list(dict.fromkeys(names.values()))
        if kind in METASPACE:
            scored = [(piece, -1.0) for piece in specials] + [(sign, -9.0) for sign in ("▁", *CHARACTERS)]
            tokenizer = Tokenizer(models.Unigram([*scored, *[(f"▁{word}", -5.0) for word in WORDS]], unk_id=3))
            tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
            tokenizer.decoder = decoders.Metaspace()
        else:
            bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
            merges = list(dict.fromkeys(merge for word in WORDS for merge in growing("Ġ" + word)))
            pieces = [*specials, *bytes_, *[one + other for one, other in merges]]
            tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(dict.fromkeys(pieces))}, merges))
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            tokenizer.decoder = decoders.ByteLevel()
    cls, sep = names["cls"], names["sep"]
    pair = f"{cls} $A {sep} $B:1 {sep}:1" if kind in WORDPIECE else f"{cls} $A {sep} {sep} $B {sep}"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{cls} $A {sep}", pair=pair, special_tokens=[(t, tokenizer.token_to_id(t)) for t in {cls, sep}]
    )
    types = ["token_type_ids"] if kind in (*WORDPIECE, "albert") and kind != "distilbert" else []
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=512,
        model_input_names=["input_ids", *types, "attention_mask"],
        **{f"{name}_token": token for name, token in names.items()},
    )
