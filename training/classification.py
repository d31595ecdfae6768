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

from training.adapter import predict
from training.batches import Example
from training.command import train_from_command_line
from training.jobs import Job, Recipe, Scores, own_loss
from training.tables import lines, quoted, tabbed

LONGEST = 96
MASK = 103
"""The id of [MASK] in the base's vocabulary, behind all other special tokens."""
MASKED = 0.1

Row = tuple[str, Any]
"""Text and label."""


def encode(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], longest: int = LONGEST) -> list[Example]:
    """Return examples of one text and its label each."""
    ids = tokenizer([text for text, _ in rows], truncation=True, max_length=longest)["input_ids"]
    return [
        {"input_ids": row, "attention_mask": [1] * len(row), "labels": label}
        for row, (_, label) in zip(ids, rows, strict=True)
    ]


# Sentiment


def sst2(data: Path, split: str) -> list[Row]:
    """Return texts and labels of one split of SST-2."""
    return [(text.strip(), int(label)) for text, label in tabbed(data / "sst2_glue" / f"{split}.tsv")]


def reviews(data: Path, kind: str) -> list[Row]:
    """Return long film reviews: "orig", or "new" for their counterfactual rewrites."""
    rows = quoted(data / "imdb_counterfactual" / f"{kind}_test.tsv", separator="\t")
    return [(row[1], int(row[0] == "Positive")) for row in rows]


def natural(text: str) -> str:
    """Return a text of SST-2 in natural spelling: "do n't" becomes "don't", and brackets are no words."""
    return text.replace(" n't", "n't").replace("-lrb-", "(").replace("-rrb-", ")")


def rationales(data: Path, split: str) -> list[Row]:
    """Return the rationales of film reviews (ERASER); "train" includes all of "val"."""
    folder = data / "eraser_movies"
    reviews = {name: [json.loads(line) for line in lines(folder / f"{name}.jsonl")] for name in ("train", "val")}
    dev = {review["annotation_id"] for review in reviews["val"]}
    chosen = [row for row in reviews["train"] if (row["annotation_id"] in dev) == (split == "dev")]
    return [
        (natural(evidence["text"]), int(row["classification"] == "POS"))
        for row in chosen
        for group in row["evidences"]
        for evidence in group
    ]


def phrases(data: Path) -> list[Row]:
    """Return SST-2's phrases, and again in natural spelling where that differs."""
    rows = sst2(data, "train")
    return rows + [(natural(text), label) for text, label in rows if natural(text) != text]


def plain_examples(data: Path, tokenizer: PreTrainedTokenizerBase) -> list[Example]:
    """Return SST-2's phrases in both spellings."""
    return encode(tokenizer, phrases(data))


def sentiment_examples(data: Path, tokenizer: PreTrainedTokenizerBase) -> list[Example]:
    """Return SST-2's phrases in both spellings, and the rationales."""
    return encode(tokenizer, phrases(data) + rationales(data, "train"))


def loss_with_words_masked(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Compute the loss with a tenth of the words masked, against overfitting to phrases."""
    ids = batch["input_ids"]
    hidden = (torch.rand(ids.shape) < MASKED) & (ids > MASK)
    return model(**batch | {"input_ids": ids.masked_fill(hidden, MASK)}).loss


def accuracy(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], longest: int = LONGEST
) -> float:
    """Return the share of texts whose most probable label is correct."""
    logits = torch.stack(predict(model, encode(tokenizer, rows, longest)))
    return (logits.argmax(-1) == torch.tensor([label for _, label in rows])).float().mean().item()


def sentiment_scores(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Path, split: str) -> Scores:
    """Return accuracy on SST-2 and, to tune, on rationales; to test, also on natural spelling and long reviews.

    SST-2's dev split has phrases out of the sentences of its train split, so it says little.
    """
    rows = sst2(data, split)
    found = {"accuracy": accuracy(model, tokenizer, rows)}
    if split == "dev":
        longer = [row for row in rationales(data, "dev") if len(row[0].split()) > 5]
        return found | {"rationales": accuracy(model, tokenizer, longer)}
    found["natural spelling"] = accuracy(model, tokenizer, [(natural(text), label) for text, label in rows])
    found["IMDb reviews"] = accuracy(model, tokenizer, reviews(data, "orig"), 512)
    found["rewritten IMDb reviews"] = accuracy(model, tokenizer, reviews(data, "new"), 512)
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


def goemotions(data: Path, split: str) -> list[Row]:
    """Return texts of GoEmotions with 1.0 for each of their labels and 0.0 for the others."""
    rows = tabbed(data / "goemotions" / f"{split}.tsv", header=False)
    marked = [(text, set(map(int, ids.split(",")))) for text, ids, _ in rows]
    return [(text, [float(i in ids) for i in range(len(EMOTIONS))]) for text, ids in marked]


def emotion_examples(data: Path, tokenizer: PreTrainedTokenizerBase) -> list[Example]:
    """Return GoEmotions' training split."""
    return encode(tokenizer, goemotions(data, "train"))


def start_at_frequencies(model: nn.Module, examples: Sequence[Example]) -> None:
    """Initialise the biases with the labels' frequencies, which would otherwise take a whole epoch to learn."""
    frequencies = torch.tensor([example["labels"] for example in examples]).mean(0)  # (labels,)
    weights = dict(model.named_parameters())
    (bias,) = (name for name in weights if name.endswith("classifier.modules_to_save.default.bias"))
    weights[bias].data = frequencies.logit()


def probabilities(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row]) -> Tensor:
    """Return the probability of every label for every text."""
    return torch.stack(predict(model, encode(tokenizer, rows))).sigmoid()  # (texts, labels)


def best_thresholds(found: Tensor, truth: Tensor) -> list[float]:
    """Return for every label the threshold with the highest F1, in steps of 0.01."""
    steps = [step / 100 for step in range(5, 91)]

    def best(label: int) -> float:
        values = [f1_score(truth[:, label], found[:, label] >= step, zero_division=0) for step in steps]
        return steps[max(range(len(steps)), key=values.__getitem__)]

    return [best(label) for label in range(truth.shape[1])]


def emotion_thresholds(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Path
) -> dict[str, list[float]]:
    """Return the thresholds that fit the dev split, for config.json."""
    rows = goemotions(data, "dev")
    truth = torch.tensor([label for _, label in rows])
    return {"thresholds": best_thresholds(probabilities(model, tokenizer, rows), truth)}


def emotion_scores(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Path, split: str) -> Scores:
    """Return micro- and macro-F1 with the thresholds of config.json, 0.3 before they are known."""
    rows = goemotions(data, split)
    thresholds = torch.tensor(getattr(model.config, "thresholds", [0.3] * len(EMOTIONS)))
    found = probabilities(model, tokenizer, rows) >= thresholds
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
        examples=sentiment_examples,
        scores=sentiment_scores,
        problem_type="single_label_classification",
        loss=loss_with_words_masked,
        recipe=Recipe(epochs=3, rate=5e-4, size=64, memory=0.999),
    ),
    "emotions": Job(
        key="emotions",
        architecture=SEQUENCE,
        head=HEAD,
        labels=EMOTIONS,
        examples=emotion_examples,
        scores=emotion_scores,
        problem_type="multi_label_classification",
        tune=emotion_thresholds,
        prepare=start_at_frequencies,
        recipe=Recipe(epochs=2, rate=7e-4, head_rate=5e-3),
    ),
}
# The other half of `sentiment`: training.mean averages the two.
JOBS["sentiment-plain"] = replace(
    JOBS["sentiment"],
    key="sentiment-plain",
    examples=plain_examples,
    loss=own_loss,
    recipe=Recipe(epochs=3, rate=3e-4),
)

if __name__ == "__main__":
    train_from_command_line(JOBS)
