"""Tiny random models of many architectures, with tokenizers made of the words of our own sentences.

Weights are drawn wide (`initializer_range` 0.4): at the default 0.02 every score is near 1e-9 and every test passes.
"""

from functools import cache

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, PreTrainedTokenizerFast

from explainers.models.loading import AUTO
from tests.support.sentences import SENTENCES

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 128,
}
SEQ2SEQ = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
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
    "bart": SEQ2SEQ,
}
GROUPED = SMALL | {"num_key_value_heads": 2}  # two heads of queries to one of keys and values
SEEING = {name: size for name, size in SMALL.items() if "position" not in name} | {"image_size": 32, "patch_size": 8}
MORE = {
    "camembert": SMALL,
    "mpnet": SMALL,
    "longformer": SMALL | {"attention_window": [4, 4]},
    "t5": {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4},
    "marian": SEQ2SEQ,
    "mbart": SEQ2SEQ,
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_inner": 48, "n_positions": 128},
    "gpt_neox": SMALL,
    "llama": GROUPED,
    "qwen2": GROUPED,
    "gemma": GROUPED | {"head_dim": 8},
    "vit": SEEING,
    "deit": SEEING | {"architectures": ["DeiTForImageClassification"]},  # and not the one with two heads
    "swin": {
        "image_size": 32,
        "patch_size": 4,
        "embed_dim": 16,
        "depths": [1, 1],
        "num_heads": [2, 4],
        "window_size": 4,
        "drop_path_rate": 0.0,
    },
    "convnext": {"num_stages": 2, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_scale_init_value": 1.0},
    "resnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
    "beit": SEEING | {"use_relative_position_bias": True, "layer_scale_init_value": 1.0, "drop_path_rate": 0.0},
}
EVERY = CONFIGS | MORE
IMAGES = ("vit", "deit", "swin", "convnext", "resnet", "beit")
DECODERS = ("gpt2", "gpt_neox", "llama", "qwen2", "gemma")
TRANSLATORS = ("bart", "t5", "marian", "mbart")
WORDPIECE = ("bert", "distilbert", "electra", "mpnet")
METASPACE = ("xlm-roberta", "albert", "deberta-v2", "camembert", "t5", "marian", "mbart", "llama", "gemma")
TYPED = ("bert", "electra", "albert")
# How a text ($A) and a pair of texts ($A, $B) lie between special tokens, where it is not as in RoBERTa.
LAYOUTS = {
    **dict.fromkeys(WORDPIECE, ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")),
    "mpnet": ("[CLS] $A [SEP]", "[CLS] $A [SEP] [SEP] $B [SEP]"),
    **dict.fromkeys(("t5", "marian"), ("$A </s>", "$A </s> $B </s>")),
    "mbart": ("$A </s> en_XX", "$A $B </s> en_XX"),
    **dict.fromkeys(("llama", "gemma"), ("<s> $A", "<s> $A $B")),
    **dict.fromkeys(("gpt2", "gpt_neox", "qwen2"), ("$A", "$A $B")),
}
# No trainer: its ties fall differently in every process, and the models below would see other tokens each time.
CHARACTERS = sorted({sign for text in SENTENCES for sign in text.lower() if not sign.isspace()})
WORDS = sorted({word for text in SENTENCES for word in text.lower().split() if word.isalpha()})[::2]


def growing(word: str) -> list[tuple[str, str]]:
    """Return the BPE merges that build a word from its left."""
    return [(word[:end], word[end]) for end in range(1, len(word))]


@cache
def tiny(kind: str, labels: int = 3, wide: float = 0.4, *, task: str | None = None, **changes: object) -> tuple:
    """Make a model of architecture `kind` with random weights and a task's head, and its tokenizer or processor."""
    reader = processor_for(kind) if kind in IMAGES else tokenizer_for(kind)
    task = task or task_of(kind)
    labels = 2 if task == "question_answering" else labels  # where an answer begins, and where it ends
    size = {"initializer_range": wide, "init_std": wide, "num_labels": labels}
    if kind not in IMAGES:
        size |= {f"{name}_token_id": getattr(reader, f"{name}_token_id") for name in ("pad", "bos", "eos")}
        size |= {"vocab_size": len(reader)}
    if kind in TRANSLATORS[1:]:
        size |= {"decoder_start_token_id": reader.pad_token_id, "forced_eos_token_id": None}
    config = AutoConfig.for_model(kind, **EVERY[kind] | size | changes)
    auto = getattr(transformers, AUTO[task])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return auto.from_config(config).eval(), reader


def task_of(kind: str) -> str:
    """Return the task of an architecture, unless a test gives another."""
    if kind in IMAGES:
        return "image_classification"
    return "translation" if kind == "marian" else "text_classification"


@cache
def processor_for(kind: str) -> object:
    """Make the image processor of an architecture, for images of 32 by 32; DeiT's crops them."""
    side = {"height": 32, "width": 32}
    match kind:
        case "deit":
            return transformers.DeiTImageProcessorPil(size={"height": 36, "width": 36}, crop_size=side)
        case "convnext" | "resnet":
            return transformers.ConvNextImageProcessorPil(size={"shortest_edge": 32}, crop_pct=0.875)
        case "beit":
            return transformers.BeitImageProcessorPil(size=side)
    return transformers.ViTImageProcessorPil(size=side)


@cache
def tokenizer_for(kind: str) -> PreTrainedTokenizerFast:
    """Make a fast tokenizer as the architecture has it: WordPiece, Unigram with ▁, or byte-level BPE."""
    names = names_of(kind)
    specials = list(dict.fromkeys(names.values())) + ["en_XX"] * (kind == "mbart")
    build = word_pieces if kind in WORDPIECE else unigrams if kind in METASPACE else byte_pairs
    tokenizer = build(specials)
    single, pair = LAYOUTS.get(kind, ("<s> $A </s>", "<s> $A </s> </s> $B </s>"))
    used = {part.removesuffix(":1") for part in pair.split()} - {"$A", "$B", "$B:1"}
    if used:
        numbered = [(token, tokenizer.token_to_id(token)) for token in sorted(used)]
        tokenizer.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=numbered)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=512,
        model_input_names=["input_ids", *["token_type_ids"] * (kind in TYPED), "attention_mask"],
        additional_special_tokens=["en_XX"] if kind == "mbart" else None,
        **{f"{name}_token": token for name, token in names.items()},
    )


def names_of(kind: str) -> dict[str, str]:
    """Return the special tokens of an architecture by name; those that it does not have are left out."""
    if kind in WORDPIECE:
        names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
        return {"cls": "[CLS]"} | names if kind == "mpnet" else names  # whose code takes 1 for the padding
    if kind in ("gpt2", "gpt_neox", "qwen2"):
        return {"bos": "<|endoftext|>", "eos": "<|endoftext|>", "unk": "<|endoftext|>"}
    names = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>"}
    if kind in ("llama", "gemma", "t5", "marian"):
        return names
    return names | {"mask": "<mask>", "cls": "<s>", "sep": "</s>"}


def word_pieces(specials: list[str]) -> Tokenizer:
    """Make a WordPiece tokenizer as BERT has it, in lower case."""
    pieces = [*specials, *CHARACTERS, *[f"##{sign}" for sign in CHARACTERS], *WORDS]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def unigrams(specials: list[str]) -> Tokenizer:
    """Make a Unigram tokenizer over words that begin with ▁, as SentencePiece makes it."""
    scored = [(piece, -1.0) for piece in specials] + [(sign, -9.0) for sign in ("▁", *CHARACTERS)]
    words = [(f"▁{word}", -5.0) for word in WORDS]
    tokenizer = Tokenizer(models.Unigram([*scored, *words], unk_id=specials.index("<unk>")))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def byte_pairs(specials: list[str]) -> Tokenizer:
    """Make a byte-level BPE tokenizer as GPT-2 has it."""
    bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = list(dict.fromkeys(merge for word in WORDS for merge in growing("Ġ" + word)))
    pieces = [*specials, *bytes_, *[one + other for one, other in merges]]
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(dict.fromkeys(pieces))}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
