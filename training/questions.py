"""The extractive question answering model: `questions`.

python -m training.questions questions --data DIR --base DIR
"""

import json
import random
import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training.adapter import compute_outputs
from training.batches import Example
from training.command import train_from_command_line
from training.jobs import Job, Recipe, Scores
from training.tables import read_lines

LONGEST = 256
LONGEST_ANSWER = 30
QUESTIONS = 36_000
HELD_OUT = 500
"""How many of SQuAD's dev questions to measure with."""


@dataclass(frozen=True)
class Question:
    """A question on a text, its accepted answers and where the first of them starts."""

    text: str
    context: str
    answers: tuple[str, ...]
    start: int


def read_squad(path: Path) -> list[Question]:
    """Return the questions of one file of SQuAD whose first answer occurs once in the context."""
    return [question for question in read_all_questions(path) if question.context.count(question.answers[0]) == 1]


def read_all_questions(path: Path) -> list[Question]:
    """Return the questions of one file of SQuAD."""
    return [
        Question(row["question"], paragraph["context"], tuple(row["answers"]), row["starts"][0][0])
        for paragraph in map(json.loads, read_lines(path))
        for row in paragraph["qas"]
    ]


def tokenize(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Question], longest: int) -> dict[str, list]:
    """Return question and context as token ids, with the characters of every token."""
    return tokenizer(
        [row.text for row in rows],
        [row.context for row in rows],
        truncation="only_second",
        max_length=longest,
        return_offsets_mapping=True,
    )


def find_span(offsets: Sequence[tuple[int, int]], context: Sequence[int], start: int, end: int) -> tuple[int, int]:
    """Return first and last token that touch the characters from start to end; (0, 0) if they were cut off."""
    inside = [i for i in context if offsets[i][0] < end and offsets[i][1] > start]
    return (inside[0], inside[-1]) if inside and offsets[context[-1]][1] >= end else (0, 0)


def make_examples(data: Path, tokenizer: PreTrainedTokenizerBase) -> list[Example]:
    """Return a random part of the training questions; those whose answer was cut off are left out."""
    rows = [row for i in range(3) for row in read_squad(data / "squad_v1.1" / f"train_{i}.jsonl")]
    rows = random.Random(0).sample(rows, QUESTIONS)
    encoded = tokenize(tokenizer, rows, LONGEST)
    examples = []
    for i, row in enumerate(rows):
        context = [at for at, part in enumerate(encoded.sequence_ids(i)) if part == 1]
        first, last = find_span(encoded["offset_mapping"][i], context, row.start, row.start + len(row.answers[0]))
        if first:
            positions = {"start_positions": first, "end_positions": last}
            examples.append(select_example(encoded, i) | positions)
    return examples


def select_example(encoded: dict[str, list], i: int) -> Example:
    """Return the tensors of one question."""
    return {name: encoded[name][i] for name in ("input_ids", "token_type_ids", "attention_mask")}


def find_best_span(starts: Tensor, ends: Tensor) -> tuple[int, int]:
    """Return first and last place of the span with the highest sum of logits, not longer than 30 tokens."""
    sums = starts[:, None] + ends[None, :]  # (T, T)
    ordered = torch.ones_like(sums).triu().tril(LONGEST_ANSWER - 1).bool()
    return divmod(int(sums.masked_fill(~ordered, -1e9).argmax()), len(starts))


def predict_answers(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Question]) -> list[str]:
    """Return the model's answer to every question."""
    encoded = tokenize(tokenizer, rows, 512)
    examples = [select_example(encoded, i) for i in range(len(rows))]
    logits = compute_outputs(model, examples, lambda out: torch.stack([out.start_logits, out.end_logits], 1))
    found = []
    for i, (row, (starts, ends)) in enumerate(zip(rows, logits, strict=True)):
        context = [at for at, part in enumerate(encoded.sequence_ids(i)) if part == 1]
        first, last = find_best_span(starts[context], ends[context])
        offsets = encoded["offset_mapping"][i]
        found.append(row.context[offsets[context[first]][0] : offsets[context[last]][1]])
    return found


def normalize_answer(text: str) -> list[str]:
    """Normalise an answer as SQuAD does: lower case, no punctuation, no articles; as words."""
    bare = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def compute_f1(found: str, truth: str) -> float:
    """Return the F1 of the words of two answers."""
    ours, theirs = normalize_answer(found), normalize_answer(truth)
    common = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * common / max(1, len(ours) + len(theirs))


def measure_questions(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Path, split: str) -> Scores:
    """Return SQuAD's F1 and exact match on random questions of its dev file, which nothing was tuned on."""
    rows = random.Random(0).sample(read_all_questions(data / "squad_v1.1" / "dev.jsonl"), HELD_OUT)
    found = predict_answers(model, tokenizer, rows)
    pairs = list(zip(found, rows, strict=True))
    f1 = [max(compute_f1(text, answer) for answer in row.answers) for text, row in pairs]
    exact = [any(normalize_answer(text) == normalize_answer(answer) for answer in row.answers) for text, row in pairs]
    return {"F1": sum(f1) / len(f1), "exact match": sum(exact) / len(exact)}


JOBS = {
    "questions": Job(
        key="questions",
        architecture="BertForQuestionAnswering",
        head=("qa_outputs",),
        examples=make_examples,
        scores=measure_questions,
        recipe=Recipe(epochs=1, rate=6e-4, size=32, dropout=0.0),
    ),
}

if __name__ == "__main__":
    train_from_command_line(JOBS)
