"""Texts with the words that people marked as reasons: film reviews of ERASER, questions of ExpMRC.

The data is read from a folder outside the repository.
"""

import gzip
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SENTENCES = 3  # of a review: the one that people marked most, with its neighbours
MARKED = (
    0.05,
    0.5,
)  # the share of a passage's characters that people marked: where most are, a random word is right too
LONGEST = 80  # words of a passage or context: the slowest method takes a pass and more for each
LABELS = {"NEG": "NEGATIVE", "POS": "POSITIVE"}


@dataclass(frozen=True)
class Item:
    """Inputs, the answers that are right, and the characters from and to that people marked in the input `field`."""

    inputs: Mapping[str, str]
    right: tuple[str, ...]
    field: str
    marked: tuple[tuple[int, int], ...]


def read_reviews(data: Path) -> Iterator[Item]:
    """Yield a passage of each of ERASER's test reviews: the sentence that people marked most, with its neighbours."""
    with tarfile.open(data / "eraser_movies" / "docs.tar.gz") as documents:
        texts = {Path(name).name: name for name in documents.getnames()}
        for row in _rows(data / "eraser_movies" / "test.jsonl.gz"):
            file = documents.extractfile(texts[row["annotation_id"]])
            passage = _passage(file.read().decode() if file else "", row)
            if passage:
                yield passage


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _passage(text: str, row: dict[str, Any]) -> Item | None:
    """Return the passage of a review; None if it is too long, or marked too much or nowhere."""
    sentences = [line.split() for line in text.splitlines()]
    spans = [(mark["start_token"], mark["end_token"]) for group in row["evidences"] for mark in group]
    marked = {token for start, end in spans for token in range(start, end)}
    firsts = [sum(map(len, sentences[:i])) for i in range(len(sentences) + 1)]
    counts = [len(marked & set(range(*firsts[i : i + 2]))) for i in range(len(sentences))]
    begin = max(0, counts.index(max(counts)) - SENTENCES // 2)
    tokens, first = [token for line in sentences[begin : begin + SENTENCES] for token in line], firsts[begin]
    starts = [sum(len(token) + 1 for token in tokens[:i]) for i in range(len(tokens))]
    places = tuple(
        (start, start + len(token))
        for i, (start, token) in enumerate(zip(starts, tokens, strict=True))
        if first + i in marked
    )
    share = len(places) / max(1, len(tokens))
    if not MARKED[0] <= share <= MARKED[1] or len(tokens) > LONGEST:
        return None
    return Item({"text": " ".join(tokens)}, (LABELS[row["classification"]],), "text", places)


def read_questions(data: Path) -> Iterator[Item]:
    """Yield the questions of ExpMRC, with the sentences of the context that people chose as evidence."""
    with gzip.open(data / "expmrc_squad" / "expmrc-squad-dev.json.gz", "rt", encoding="utf-8") as file:
        articles = json.load(file)["data"]
    for paragraph in (paragraph for article in articles for paragraph in article["paragraphs"]):
        context = paragraph["context"]
        if len(context.split()) > LONGEST:
            continue
        for row in paragraph["qas"]:
            found = [(context.find(sentence), len(sentence)) for sentence in dict.fromkeys(row["evidences"])]
            places = tuple((start, start + length) for start, length in found if start >= 0)
            share = sum(end - start for start, end in places) / len(context)
            if MARKED[0] <= share <= MARKED[1]:
                answers = tuple(answer["text"] for answer in row["answers"])
                yield Item({"question": row["question"], "context": context}, answers, "context", places)
