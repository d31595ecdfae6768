"""Classifiers of one text: `sentiment` and `emotions`.

python -m training.classification sentiment --data DIR --base DIR
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training.adapter import compute_outputs
from training.batches import Example
from training.command import train_from_command_line
from training.jobs import Job, Recipe, Scores, compute_own_loss
from training.tables import read_csv, read_lines, read_tsv

LONGEST = 96
MASK = 103
"""The id of [MASK] in the base's vocabulary, behind all other special tokens."""
MASKED = 0.1

Row = tuple[str, Any]
"""Text and label."""


def encode_texts(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], longest: int = LONGEST) -> list[Example]:
    """Return examples of one text and its label each."""
    ids = tokenizer([text for text, _ in rows], truncation=True, max_length=longest)["input_ids"]
    return [
        {"input_ids": row, "attention_mask": [1] * len(row), "labels": label}
        for row, (_, label) in zip(ids, rows, strict=True)
    ]


# Sentiment


def read_sst2(data: Path, split: str) -> list[Row]:
    """Return texts and labels of one split of SST-2."""
    return [(text.strip(), int(label)) for text, label in read_tsv(data / "sst2_glue" / f"{split}.tsv")]


def read_reviews(data: Path, kind: str) -> list[Row]:
    """Return long film reviews: "orig", or "new" for their counterfactual rewrites."""
    rows = read_csv(data / "imdb_counterfactual" / f"{kind}_test.tsv", separator="\t")
    return [(row[1], int(row[0] == "Positive")) for row in rows]


def undo_tokenization(text: str) -> str:
    """Return a text of SST-2 in natural spelling: "do n't" becomes "don't", and brackets are no words."""
    return text.replace(" n't", "n't").replace("-lrb-", "(").replace("-rrb-", ")")


def read_rationales(data: Path, split: str) -> list[Row]:
    """Return the rationales of film reviews (ERASER); "train" includes all of "val"."""
    folder = data / "eraser_movies"
    reviews = {name: [json.loads(line) for line in read_lines(folder / f"{name}.jsonl")] for name in ("train", "val")}
    dev = {review["annotation_id"] for review in reviews["val"]}
    chosen = [row for row in reviews["train"] if (row["annotation_id"] in dev) == (split == "dev")]
    return [
        (undo_tokenization(evidence["text"]), int(row["classification"] == "POS"))
        for row in chosen
        for group in row["evidences"]
        for evidence in group
    ]


def read_phrases(data: Path) -> list[Row]:
    """Return SST-2's phrases, and again in natural spelling where that differs."""
    rows = read_sst2(data, "train")
    return rows + [(undo_tokenization(text), label) for text, label in rows if undo_tokenization(text) != text]


def make_plain_examples(data: Path, tokenizer: PreTrainedTokenizerBase) -> list[Example]:
    """Return SST-2's phrases in both spellings."""
    return encode_texts(tokenizer, read_phrases(data))


def make_sentiment_examples(data: Path, tokenizer: PreTrainedTokenizerBase) -> list[Example]:
    """Return SST-2's phrases in both spellings, and the rationales."""
    return encode_texts(tokenizer, read_phrases(data) + read_rationales(data, "train"))


def compute_loss_with_masked_words(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Compute the loss with a tenth of the words masked, against overfitting to phrases."""
    ids = batch["input_ids"]
    hidden = (torch.rand(ids.shape) < MASKED) & (ids > MASK)
    return model(**batch | {"input_ids": ids.masked_fill(hidden, MASK)}).loss


def measure_accuracy(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], longest: int = LONGEST
) -> float:
    """Return the share of texts whose most probable label is correct."""
    logits = torch.stack(compute_outputs(model, encode_texts(tokenizer, rows, longest)))
    return (logits.argmax(-1) == torch.tensor([label for _, label in rows])).float().mean().item()


def measure_sentiment(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Path, split: str) -> Scores:
    """Return accuracy on SST-2 and, to tune, on rationales; to test, also on natural spelling and long reviews.

    SST-2's dev split has phrases out of the sentences of its train split, so it says little.
    """
    rows = read_sst2(data, split)
    found = {"accuracy": measure_accuracy(model, tokenizer, rows)}
    if split == "dev":
        longer = [row for row in read_rationales(data, "dev") if len(row[0].split()) > 5]
        return found | {"rationales": measure_accuracy(model, tokenizer, longer)}
    found["natural spelling"] = measure_accuracy(
        model, tokenizer, [(undo_tokenization(text), label) for text, label in rows]
    )
    found["IMDb reviews"] = measure_accuracy(model, tokenizer, read_reviews(data, "orig"), 512)
    found["rewritten IMDb reviews"] = measure_accuracy(model, tokenizer, read_reviews(data, "new"), 512)
    return found


# Emotions

# fmt: off
EMOTIONS = (
    "admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire",
    "disappointment", "disapproval", "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief",
    "joy", "love", "nervousness", "optimism", "pride", "realization", "relief", "remorse", "sadness",
    "surprise", "neutral",
)
# fmt: on


def read_goemotions(data: Path, split: str) -> list[Row]:
    """Return texts of GoEmotions with 1.0 for each of their labels and 0.0 for the others."""
    rows = read_tsv(data / "goemotions" / f"{split}.tsv", header=False)
    marked = [(text, set(map(int, ids.split(",")))) for text, ids, _ in rows]
    return [(text, [float(i in ids) for i in range(len(EMOTIONS))]) for text, ids in marked]


def make_emotion_examples(data: Path, tokenizer: PreTrainedTokenizerBase) -> list[Example]:
    """Return GoEmotions' training split."""
    return encode_texts(tokenizer, read_goemotions(data, "train"))


def start_at_frequencies(model: nn.Module, examples: Sequence[Example]) -> None:
    """Initialise the biases with the labels' frequencies, which would otherwise take a whole epoch to learn."""
    frequencies = torch.tensor([example["labels"] for example in examples]).mean(0)  # (labels,)
    weights = dict(model.named_parameters())
    (bias,) = (name for name in weights if name.endswith("classifier.modules_to_save.default.bias"))
    weights[bias].data = frequencies.logit()


def compute_probabilities(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row]) -> Tensor:
    """Return the probability of every label for every text."""
    return torch.stack(compute_outputs(model, encode_texts(tokenizer, rows))).sigmoid()  # (texts, labels)


def find_thresholds(found: Tensor, truth: Tensor) -> list[float]:
    """Return for every label the threshold with the highest F1, in steps of 0.01."""
    steps = [step / 100 for step in range(5, 91)]

    def best(label: int) -> float:
        values = [f1_score(truth[:, label], found[:, label] >= step, zero_division=0) for step in steps]
        return steps[max(range(len(steps)), key=values.__getitem__)]

    return [best(label) for label in range(truth.shape[1])]


def tune_thresholds(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Path) -> dict[str, list[float]]:
    """Return the thresholds that fit the dev split, for config.json."""
    rows = read_goemotions(data, "dev")
    truth = torch.tensor([label for _, label in rows])
    return {"thresholds": find_thresholds(compute_probabilities(model, tokenizer, rows), truth)}


def measure_emotions(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Path, split: str) -> Scores:
    """Return micro- and macro-F1 with the thresholds of config.json, 0.3 before they are known."""
    rows = read_goemotions(data, split)
    thresholds = torch.tensor(getattr(model.config, "thresholds", [0.3] * len(EMOTIONS)))
    found = compute_probabilities(model, tokenizer, rows) >= thresholds
    truth = torch.tensor([label for _, label in rows])
    return {f"{mean}-F1": f1_score(truth, found, average=mean, zero_division=0) for mean in ("micro", "macro")}


SEQUENCE = "BertForSequenceClassification"
HEAD = ("pooler", "classifier")

JOBS = {
    "sentiment": Job(
        key="sentiment",
        architecture=SEQUENCE,
        head=HEAD,
        labels=("NEGATIVE", "POSITIVE"),
        examples=make_sentiment_examples,
        scores=measure_sentiment,
        problem_type="single_label_classification",
        loss=compute_loss_with_masked_words,
        recipe=Recipe(epochs=3, rate=5e-4, size=64, memory=0.999),
    ),
    "emotions": Job(
        key="emotions",
        architecture=SEQUENCE,
        head=HEAD,
        labels=EMOTIONS,
        examples=make_emotion_examples,
        scores=measure_emotions,
        problem_type="multi_label_classification",
        tune=tune_thresholds,
        prepare=start_at_frequencies,
        recipe=Recipe(epochs=2, rate=7e-4, head_rate=5e-3),
    ),
}
# The other half of `sentiment`: training.mean averages the two.
JOBS["sentiment-plain"] = replace(
    JOBS["sentiment"],
    key="sentiment-plain",
    examples=make_plain_examples,
    loss=compute_own_loss,
    recipe=Recipe(epochs=3, rate=3e-4),
)

if __name__ == "__main__":
    train_from_command_line(JOBS)
