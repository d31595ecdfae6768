"""The small translation model from Turkish to English, trained from scratch: `tr-en`.

    python -m training.translation tr-en --data DIR [--out DIR]

It has no adapter: all weights and the tokenizer are our own.
"""

import argparse
import math
import random
import time
from collections.abc import Sequence
from pathlib import Path

import sacrebleu
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor, nn
from transformers import MarianConfig, MarianMTModel, PreTrainedModel, PreTrainedTokenizerFast

from training.adapter import make_schedule, print_scores, take_step
from training.batches import Example, iterate_by_length, iterate_shuffled
from training.command import MODELS
from training.jobs import Recipe, Scores
from training.tables import read_tsv

HELD_OUT = 1000
WORDS = 8000
PAD, END, UNKNOWN = 0, 1, 2
SPECIAL = ("<pad>", "</s>", "<unk>")
RECIPE = Recipe(epochs=8, rate=1e-3, size=128, warm_up=0.08, dropout=0.15, decay=0.01)
SMOOTHING = 0.1

Pair = tuple[str, str]
"""Turkish and English."""


# Data


def read_tatoeba(data: Path, split: str) -> list[Pair]:
    """Return pairs of Tatoeba: 1,000 random ones to test with; no training pair shares a side with them."""
    pairs = [(row[1], row[0]) for row in read_tsv(data / "tatoeba_en_tr" / "tur.txt", header=False)]
    test = random.Random(0).sample(pairs, HELD_OUT)
    turkish, english = ({side.casefold() for side in sides} for sides in zip(*test, strict=True))
    if split == "test":
        return test
    return [(a, b) for a, b in pairs if a.casefold() not in turkish and b.casefold() not in english]


def collect_references(data: Path, pairs: Sequence[Pair]) -> list[list[str]]:
    """Return sacrebleu's references: all English sides of each pair's Turkish one."""
    sides: dict[str, list[str]] = {}
    for row in read_tsv(data / "tatoeba_en_tr" / "tur.txt", header=False):
        sides.setdefault(row[1], []).append(row[0])
    most = max(len(sides[turkish]) for turkish, _ in pairs)
    return [[(sides[turkish] * most)[i] for turkish, _ in pairs] for i in range(most)]


# Tokenizer


def make_tokenizer(pairs: Sequence[Pair]) -> PreTrainedTokenizerFast:
    """Return a unigram tokenizer shared by both languages, with character offsets."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation("isolated"), pre_tokenizers.Digits(True)]
    )
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=WORDS, special_tokens=list(SPECIAL), unk_token=SPECIAL[UNKNOWN])
    tokenizer.train_from_iterator((side for pair in pairs for side in pair), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {SPECIAL[END]}", special_tokens=[(SPECIAL[END], END)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=SPECIAL[PAD],
        eos_token=SPECIAL[END],
        unk_token=SPECIAL[UNKNOWN],
        model_max_length=128,
        model_input_names=["input_ids", "attention_mask"],
    )


def encode_pairs(tokenizer: PreTrainedTokenizerFast, pairs: Sequence[Pair]) -> list[Example]:
    """Return examples of a Turkish text and its English labels."""
    sources = tokenizer([turkish for turkish, _ in pairs])["input_ids"]
    labels = tokenizer([english for _, english in pairs])["input_ids"]
    return [
        {"input_ids": source, "attention_mask": [1] * len(source), "labels": label}
        for source, label in zip(sources, labels, strict=True)
    ]


# Model


def make_model(words: int) -> MarianMTModel:
    """Make an untrained Marian model: three layers each way, 256 wide, all embeddings shared."""
    config = MarianConfig(
        vocab_size=words,
        d_model=256,
        encoder_layers=3,
        decoder_layers=3,
        encoder_ffn_dim=1024,
        decoder_ffn_dim=1024,
        encoder_attention_heads=8,
        decoder_attention_heads=8,
        dropout=RECIPE.dropout,
        max_position_embeddings=128,
        scale_embedding=True,
        activation_function="relu",
        pad_token_id=PAD,
        eos_token_id=END,
        decoder_start_token_id=PAD,
        forced_eos_token_id=None,
    )
    return MarianMTModel(config)


def compute_smoothed_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Return cross-entropy with label smoothing."""
    logits = model(**batch).logits.float()  # (B, T, words)
    return nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), label_smoothing=SMOOTHING)


@torch.inference_mode()
def translate(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[str]:
    """Translate with four beams."""
    examples: list[Example] = [{"input_ids": ids} for ids in tokenizer(list(texts))["input_ids"]]
    found = [""] * len(texts)
    for chunk in iterate_by_length(examples, 100):
        batch = tokenizer.pad([examples[i] for i in chunk], return_tensors="pt")
        rows = model.generate(**batch, num_beams=4, max_new_tokens=60)
        for i, row in zip(chunk, rows, strict=True):
            found[i] = tokenizer.decode(row, skip_special_tokens=True)
    return found


def measure_translation(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, data: Path) -> Scores:
    """Return BLEU and chrF on the held-out pairs, with one reference, and BLEU with all of Tatoeba's."""
    pairs = read_tatoeba(data, "test")
    found = translate(model, tokenizer, [turkish for turkish, _ in pairs])
    single = [[english for _, english in pairs]]
    return {
        "BLEU": sacrebleu.corpus_bleu(found, single).score,
        "chrF": sacrebleu.corpus_chrf(found, single).score,
        "BLEU with all references": sacrebleu.corpus_bleu(found, collect_references(data, pairs)).score,
    }


def train_translator(data: Path, out: Path) -> None:
    """Train from scratch and save to `out` after every fourth epoch."""
    torch.manual_seed(RECIPE.seed)
    order = torch.Generator().manual_seed(RECIPE.seed)
    pairs = read_tatoeba(data, "train")
    tokenizer = make_tokenizer(pairs)
    examples = encode_pairs(tokenizer, pairs)
    model = make_model(len(tokenizer))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RECIPE.rate, weight_decay=RECIPE.decay)
    schedule = make_schedule(optimizer, RECIPE, math.ceil(len(examples) / RECIPE.size))
    for epoch in range(1, RECIPE.epochs + 1):
        start = time.monotonic()
        model.train()
        batches = iterate_shuffled(examples, RECIPE.size, order)
        losses = [take_step(model, batch, optimizer, schedule, compute_smoothed_loss) for batch in batches]
        print_scores(f"epoch {epoch}:", {"loss": sum(losses) / len(losses), "seconds": time.monotonic() - start})
        if epoch % 4 == 0:
            save_translator(model, tokenizer, out)


def save_translator(model: MarianMTModel, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Write the weights as float16, the configuration and the tokenizer."""
    copy = MarianMTModel(model.config)
    copy.load_state_dict(model.state_dict())
    copy.half().save_pretrained(out)
    tokenizer.save_pretrained(out)


def main() -> None:
    """Train the model that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("key", choices=["tr-en"])
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--out", type=Path, default=MODELS / "tr-en", help="folder of the model")
    arguments = parser.parse_args()
    train_translator(arguments.data, arguments.out)


if __name__ == "__main__":
    main()
