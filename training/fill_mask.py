"""The masked language model: `fill-mask`.

python -m training.fill_mask fill-mask --data DIR --base DIR
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training.adapter import select_inputs
from training.batches import Example, collate, iterate_by_length
from training.command import train_from_command_line
from training.jobs import Job, Recipe, Scores
from training.tables import read_lines, read_tsv

LONGEST = 128
SHARE = 0.15
"""Share of the tokens that are masked."""
MORE = 0.25
"""Share while training: a pass over a text then teaches more."""
PER_SPLIT = 1000
"""Paragraphs of the dev and of the test split, from the articles that SQuAD holds out."""


def read_paragraphs(path: Path) -> list[str]:
    """Return the paragraphs of a file of SQuAD."""
    return [json.loads(line)["context"] for line in read_lines(path)]


def read_texts(data: Path, split: str) -> list[str]:
    """Return paragraphs of Wikipedia; to train also single sentences of MultiNLI."""
    if split == "train":
        found = [text for i in range(3) for text in read_paragraphs(data / "squad_v1.1" / f"train_{i}.jsonl")]
        return found + [row[0] for row in read_tsv(data / "mnli_15k" / "multinli.train.en.tsv")]
    held_out = read_paragraphs(data / "squad_v1.1" / "dev.jsonl")
    return held_out[:PER_SPLIT] if split == "dev" else held_out[-PER_SPLIT:]


class MaskedTexts(Sequence[Example]):
    """Texts with a random share of the tokens masked, drawn anew whenever one is read; the labels are those tokens."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, rows: Sequence[str], share: float) -> None:
        self.texts: list[list[int]] = tokenizer(list(rows), truncation=True, max_length=LONGEST)["input_ids"]
        self.mask, self.share, self.draw = tokenizer.mask_token_id, share, random.Random(0)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, at: int) -> Example:  # type: ignore[override]
        ids, labels = list(self.texts[at]), [-100] * len(self.texts[at])
        for place in self.draw.sample(range(1, len(ids) - 1), max(1, round(self.share * (len(ids) - 2)))):
            labels[place], ids[place] = ids[place], self.mask
        return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels}


def make_examples(data: Path, tokenizer: PreTrainedTokenizerBase) -> MaskedTexts:
    """Return all training texts, masked."""
    return MaskedTexts(tokenizer, [text for text in read_texts(data, "train") if text.strip()], MORE)


def compute_masked_logits(model: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return logits and labels of the masked positions only: (masks, words) and (masks,)."""
    bert = model.get_base_model() if hasattr(model, "get_base_model") else model
    states = bert.bert(**select_inputs(batch)).last_hidden_state  # (B, T, D)
    places = batch["labels"] != -100
    return bert.cls(states[places]), batch["labels"][places]


def compute_masked_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Return cross-entropy of the masked tokens."""
    logits, labels = compute_masked_logits(model, batch)
    return nn.functional.cross_entropy(logits.float(), labels)


@torch.inference_mode()
def measure_fill_mask(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Path, split: str) -> Scores:
    """Return the share of masked tokens that are the most probable token, or among the first five."""
    examples = list(MaskedTexts(tokenizer, read_texts(data, split), SHARE))
    hits = []
    for chunk in iterate_by_length(examples, 32):
        logits, labels = compute_masked_logits(model, collate([examples[i] for i in chunk]))
        hits.append(logits.topk(5).indices == labels[:, None])  # (masks, 5)
    right = torch.cat(hits).float()
    return {"first guess": right[:, 0].mean().item(), "among five": right.sum(-1).mean().item()}


JOBS = {
    "fill-mask": Job(
        key="fill-mask",
        architecture="BertForMaskedLM",
        head=("transform",),
        examples=make_examples,
        scores=measure_fill_mask,
        loss=compute_masked_loss,
        recipe=Recipe(epochs=2, rate=1e-3, size=32, rank=64, dropout=0.0),
    ),
}

if __name__ == "__main__":
    train_from_command_line(JOBS)
