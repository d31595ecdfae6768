"""Classifiers of two texts: `similarity`, `nli` and `relevance`.

python -m training.pairs nli --data DIR --base DIR
"""

import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from scipy.stats import pearsonr, spearmanr
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training.adapter import compute_outputs, select_inputs
from training.batches import Example
from training.command import train_from_command_line
from training.jobs import Job, Recipe, Scores
from training.tables import read_csv, read_lines, read_tsv

LONGEST = 128

Pair = tuple[str, str, Any]
"""First text, second text, label."""


def encode_pairs(tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair]) -> list[Example]:
    """Return examples of two texts and one label each."""
    firsts, seconds, labels = zip(*pairs, strict=True)
    rows = tokenizer(list(firsts), list(seconds), truncation=True, max_length=LONGEST)
    names = ("input_ids", "token_type_ids", "attention_mask")
    return [{name: rows[name][i] for name in names} | {"labels": label} for i, label in enumerate(labels)]


def compute_logits(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair]) -> Tensor:
    """Return the model's logits for every pair."""
    return torch.stack(compute_outputs(model, encode_pairs(tokenizer, pairs)))  # (pairs, labels)


# Similarity


def read_stsb(data: Path, split: str) -> list[Pair]:
    """Return pairs of STS-B with a similarity between 0 and 1."""
    rows = read_csv(data / "stsb" / f"stsb-en-{split}.csv", header=False)
    return [(first, second, float(score) / 5) for first, second, score in rows]


def make_similarity_examples(data: Path, tokenizer: PreTrainedTokenizerBase) -> list[Example]:
    """Return every pair in both orders, because similarity is symmetric."""
    pairs = read_stsb(data, "train")
    return encode_pairs(tokenizer, pairs + [(second, first, score) for first, second, score in pairs])


def measure_similarity(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Path, split: str) -> Scores:
    """Return Pearson and Spearman correlation with people's scores."""
    pairs = read_stsb(data, split)
    predicted = compute_logits(model, tokenizer, pairs)[:, 0]
    truth = [score for _, _, score in pairs]
    return {"Pearson": pearsonr(predicted, truth)[0], "Spearman": spearmanr(predicted, truth)[0]}


# Natural language inference. A label is the list of the classes that the annotators' label allows,
# so that the two-way RTE can be trained with: "not entailment" is neutral or contradiction.

CLASSES = ("entailment", "neutral", "contradiction")
HELD_OUT = 2000
WIKI_SETS = ("base", "sim", "translate")


def list_allowed_classes(label: str) -> list[bool] | None:
    """Return which classes a data set's label allows; none for a label that is no class."""
    if label in ("not_entailment", "neither"):
        return [False, True, True]
    classes = [name[0] == label.lower()[:1] for name in CLASSES]
    return classes if any(classes) and label != "-" else None


def read_snli(data: Path, split: str) -> list[Pair]:
    """Return pairs of SNLI's dev or test file."""
    rows = read_tsv(data / "snli" / f"{split}.tsv")
    return [(premise, hypothesis, list_allowed_classes(CLASSES[int(label)])) for premise, hypothesis, label in rows]


def read_snli_held_out(data: Path) -> list[Pair]:
    """Return the last 2,000 pairs of SNLI's test file, which no model here was trained on."""
    return read_snli(data, "test")[-HELD_OUT:]


def read_mnli_dev(data: Path) -> list[Pair]:
    """Return MNLI's matched validation pairs."""
    rows = read_csv(data / "mnli_dev_matched" / "mnli_validation_matched_pvi.csv")
    pairs = []
    for row in rows:
        premise, hypothesis = row[2].removeprefix("PREMISE: ").split(" HYPOTHESIS: ")
        pairs.append((premise, hypothesis, list_allowed_classes(CLASSES[int(row[3])])))
    return pairs


def read_wiki(data: Path) -> Iterator[tuple[str, str, str]]:
    """Yield pairs on sentences of Wikipedia."""
    for name in WIKI_SETS:
        for line in read_lines(data / "semiauto_nli_wiki" / f"{name}_wiki_train.jsonl"):
            row = json.loads(line)
            yield row["premise"], row["hypothesis"], row["label"]


def read_nli_pairs(data: Path) -> list[Pair]:
    """Return all training pairs, but those whose premise is held out."""
    rows: list[tuple[str, str, str]] = list(read_wiki(data))
    rows += [(a, b, label) for a, b, label in read_tsv(data / "mnli_15k" / "multinli.train.en.tsv")]
    rows += [(a, b, label) for a, b, label in read_csv(data / "cad_nli" / "train.tsv", separator="\t")]
    rows += [(a, b, label) for a, b, label in read_tsv(data / "conjnli" / "adversarial_train_15k.tsv")]
    rows += [(row[1], row[2], row[4]) for row in read_tsv(data / "sick" / "SICK_train.txt")]
    rows += [(row[1], row[2], row[3]) for row in read_tsv(data / "rte" / "train.tsv")]
    pairs = read_snli(data, "dev") + read_snli(data, "test")[:-HELD_OUT]
    pairs += [(a, b, list_allowed_classes(label)) for a, b, label in rows]
    held_out = {premise for premise, _, _ in read_snli_held_out(data)}
    return [pair for pair in pairs if pair[0] not in held_out and pair[2] is not None]


def make_nli_examples(data: Path, tokenizer: PreTrainedTokenizerBase) -> list[Example]:
    """Return all training pairs as examples."""
    return encode_pairs(tokenizer, read_nli_pairs(data))


def compute_loss_of_allowed_classes(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Return minus the log of the probability that the true class is among the allowed ones."""
    logits = model(**select_inputs(batch)).logits.float()  # (B, classes)
    among = logits.masked_fill(~batch["labels"], -1e9)
    return (logits.logsumexp(-1) - among.logsumexp(-1)).mean()


def measure_accuracy(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair]) -> float:
    """Return the share of pairs whose most probable class is allowed."""
    chosen = compute_logits(model, tokenizer, pairs).argmax(-1)
    labels = torch.tensor([label for _, _, label in pairs])
    return labels.gather(1, chosen[:, None]).float().mean().item()


def measure_nli(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Path, split: str) -> Scores:
    """Return the accuracy on held-out pairs; the dev split is CAD's, of 1,000 pairs."""
    if split == "dev":
        rows = read_csv(data / "cad_nli" / "dev.tsv", separator="\t")
        return {
            "accuracy on CAD dev": measure_accuracy(
                model, tokenizer, [(a, b, list_allowed_classes(c)) for a, b, c in rows]
            )
        }
    return {
        "accuracy on held-out SNLI": measure_accuracy(model, tokenizer, read_snli_held_out(data)),
        "accuracy on MNLI dev matched": measure_accuracy(model, tokenizer, read_mnli_dev(data)),
    }


# Relevance of a sentence to a question

QUESTIONS = 12_000


def split_sentences(text: str) -> list[str]:
    """Split a paragraph after full stops, question and exclamation marks that a capital or digit follows."""
    return re.split(r"(?<=[.!?])\s+(?=[A-Z0-9\"(])", text)


def read_question_pairs(paths: Sequence[Path]) -> list[Pair]:
    """Return each question with the sentence that answers it (1) and one of the same paragraph that does not (0)."""
    draw = random.Random(0)
    pairs: list[Pair] = []
    for paragraph in (json.loads(line) for path in paths for line in read_lines(path)):
        parts = split_sentences(paragraph["context"])
        for question in paragraph["qas"]:
            answer = question["answers"][0]
            good = [part for part in parts if answer in part]
            bad = [part for part in parts if answer not in part]
            if len(good) == 1 and bad:
                pairs += [
                    (question["question"], good[0], [1.0]),
                    (question["question"], draw.choice(bad), [0.0]),
                ]
    return pairs


def make_relevance_examples(data: Path, tokenizer: PreTrainedTokenizerBase) -> list[Example]:
    """Return pairs for a random part of SQuAD's training questions."""
    pairs = read_question_pairs([data / "squad_v1.1" / f"train_{i}.jsonl" for i in range(3)])
    first = random.Random(0).sample(range(0, len(pairs), 2), QUESTIONS)
    return encode_pairs(tokenizer, [pairs[i + j] for i in first for j in range(2)])


def measure_relevance(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Path, split: str) -> Scores:
    """Return accuracy of single pairs, and how often a question's two sentences are ranked rightly.

    The pairs are SQuAD's dev questions: articles 1 to 24 serve as dev split, the others as test.
    """
    pairs = read_question_pairs([data / "squad_v1.1" / "dev.jsonl"])
    half = len(pairs) // 4 * 2
    pairs = pairs[:half] if split == "dev" else pairs[half:]
    good, bad = compute_logits(model, tokenizer, pairs)[:, 0].view(-1, 2).unbind(-1)  # (questions,) each
    right = torch.cat([good > 0, bad <= 0]).float().mean().item()
    return {"accuracy": right, "pairs ranked rightly": (good > bad).float().mean().item()}


SEQUENCE = "BertForSequenceClassification"
HEAD = ("pooler", "classifier")

JOBS = {
    "similarity": Job(
        key="similarity",
        architecture=SEQUENCE,
        head=HEAD,
        labels=("SIMILARITY",),
        examples=make_similarity_examples,
        scores=measure_similarity,
        problem_type="regression",
        recipe=Recipe(epochs=5, rate=4e-4),
    ),
    "nli": Job(
        key="nli",
        architecture=SEQUENCE,
        head=HEAD,
        labels=CLASSES,
        examples=make_nli_examples,
        scores=measure_nli,
        problem_type="single_label_classification",
        loss=compute_loss_of_allowed_classes,
        recipe=Recipe(epochs=1, rate=7e-4, size=64, dropout=0.05),
    ),
    "relevance": Job(
        key="relevance",
        architecture=SEQUENCE,
        head=HEAD,
        labels=("RELEVANT",),
        examples=make_relevance_examples,
        scores=measure_relevance,
        problem_type="multi_label_classification",
        recipe=Recipe(epochs=1, rate=7e-4, size=64, dropout=0.0),
    ),
}

if __name__ == "__main__":
    train_from_command_line(JOBS)
