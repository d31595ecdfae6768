"""The named entity recogniser: `entities`.

python -m training.entities entities --data DIR --base DIR
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import Tensor, nn
from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

from training.adapter import compute_outputs, select_inputs
from training.batches import Example
from training.command import train_from_command_line
from training.jobs import Job, Recipe, Scores
from training.tables import read_lines

KINDS = ("PER", "LOC", "ORG", "MISC")
LABELS = ("O", *(f"{begin}-{kind}" for kind in KINDS for begin in "BI"))
LONGEST = 128

WNUT = {
    "person": "PER",
    "location": "LOC",
    "corporation": "ORG",
    "group": "ORG",
    "product": "MISC",
    "creative-work": "MISC",
}

Sentence = tuple[list[str], list[str]]
"""Words and their BIO labels."""
Span = tuple[int, int, str]
"""First word, word after the last, kind."""


# Data


def read_sentences(path: Path, separator: str, names: dict[str, str]) -> Iterator[Sentence]:
    """Yield sentences of a file of one word and tag a line, with the tags' kinds renamed by `names`."""
    words: list[str] = []
    tags: list[str] = []
    for line in [*read_lines(path), ""]:
        word, _, tag = line.partition(separator)
        if word.strip():
            begin, _, kind = tag.partition("-")
            words.append(word.strip())
            tags.append(f"{begin}-{names.get(kind, kind)}" if kind else "O")
        elif words and not line.strip():
            yield words, tags
            words, tags = [], []


def normalize_tags(tags: Sequence[str]) -> list[str]:
    """Convert IO tags to BIO tags: the first word of a run of one kind begins an entity."""
    before = ["O", *tags]
    return [f"B-{tag[2:]}" if tag != "O" and before[i][2:] != tag[2:] else tag for i, tag in enumerate(tags)]


def read_documents(data: Path) -> list[list[Sentence]]:
    """Return WikiGold's documents."""
    found: list[list[Sentence]] = [[]]
    for words, tags in read_sentences(data / "wikigold_ner" / "wikigold.conll.txt", " ", {}):
        if words == ["-DOCSTART-"]:
            found.append([])
        else:
            found[-1].append((words, normalize_tags(tags)))
    return found


def read_wikigold(data: Path, split: str) -> list[Sentence]:
    """Return WikiGold's sentences: the last fifth of its documents is the test split, the tenth before it dev."""
    pages = read_documents(data)
    cuts = {"train": (0.0, 0.7), "dev": (0.7, 0.8), "test": (0.8, 1.0)}
    start, end = (round(part * len(pages)) for part in cuts[split])
    return [sentence for page in pages[start:end] for sentence in page]


def read_tweets(data: Path, split: str) -> list[Sentence]:
    """Return sentences of the Broad Twitter Corpus, which marks no MISC: section f is the test split."""
    sections = {"train": "abegh", "test": "f"}[split]
    return [row for name in sections for row in read_sentences(data / "btc_ner" / f"{name}.conll", "\t", {})]


def read_wnut(data: Path, split: str) -> list[Sentence]:
    """Return sentences of WNUT 2017."""
    name = {"train": "wnut17train.conll", "dev": "emerging.dev.conll", "test": "emerging.test.annotated"}[split]
    return list(read_sentences(data / "wnut17" / name, "\t", WNUT))


# Examples. A label is the list of the tags that the annotation allows: what the Broad Twitter Corpus
# calls "O" may be a MISC name.


def list_allowed_tags(tag: str, misc: bool) -> list[int]:
    """Return which tags an annotated tag allows, 1 or 0 each."""
    tags = {tag} if misc or tag != "O" else {"O", "B-MISC", "I-MISC"}
    return [int(label in tags) for label in LABELS]


def tokenize(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sentence]) -> BatchEncoding:
    """Tokenize the sentences, with the word of each token."""
    words = [words for words, _ in rows]
    return tokenizer(words, is_split_into_words=True, truncation=True, max_length=LONGEST)


def find_first_tokens(words: Sequence[int | None]) -> dict[int, int]:
    """Return the position of the first token of every word, from the words of all tokens."""
    return {word: at for at, word in reversed(list(enumerate(words))) if word is not None}


def encode_sentences(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sentence], *, misc: bool = True
) -> list[Example]:
    """Return examples whose labels stand on the first token of every word; the other tokens have none."""
    encoded = tokenize(tokenizer, rows)
    examples = []
    for i, (_, tags) in enumerate(rows):
        ids = encoded["input_ids"][i]
        labels = [[0] * len(LABELS) for _ in ids]
        for word, at in find_first_tokens(encoded.word_ids(i)).items():
            labels[at] = list_allowed_tags(tags[word], misc)
        examples.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels})
    return examples


def make_examples(data: Path, tokenizer: PreTrainedTokenizerBase) -> list[Example]:
    """Return WikiGold three times, WNUT 2017 and the Broad Twitter Corpus once."""
    return [
        *encode_sentences(tokenizer, read_wikigold(data, "train") * 3),
        *encode_sentences(tokenizer, read_wnut(data, "train") + read_wnut(data, "dev")),
        *encode_sentences(tokenizer, read_tweets(data, "train"), misc=False),
    ]


def compute_loss_of_allowed_tags(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Return minus the log of the probability that a word's tag is among the allowed ones."""
    marked = (batch["labels"] == 1).any(-1)  # (B, T)
    logits = model(**select_inputs(batch)).logits.float()[marked]  # (words, tags)
    among = logits.masked_fill(batch["labels"][marked] != 1, -1e9)
    return (logits.logsumexp(-1) - among.logsumexp(-1)).mean()


# Scores


def find_spans(tags: Sequence[str]) -> set[Span]:
    """Return the entities of a sentence; an I- after anything but its own kind begins one as well."""
    found, start, kind = set(), 0, ""
    for at, tag in enumerate([*tags, "O"]):
        if kind and tag != f"I-{kind}":
            found.add((start, at, kind))
            kind = ""
        if tag != "O" and not kind:
            start, kind = at, tag[2:]
    return found


def predict_tags(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sentence]
) -> list[list[str]]:
    """Return the predicted tag of every word, O for words that were cut off."""
    encoded = tokenize(tokenizer, rows)
    found = []
    for i, logits in enumerate(compute_outputs(model, encode_sentences(tokenizer, rows))):
        tags = ["O"] * len(rows[i][0])
        for word, at in find_first_tokens(encoded.word_ids(i)).items():
            tags[word] = LABELS[logits[at].argmax()]
        found.append(tags)
    return found


def compute_f1(truth: Sequence[set[Span]], found: Sequence[set[Span]]) -> float:
    """Return the F1 of whole entities with their kind."""
    right = sum(len(a & b) for a, b in zip(truth, found, strict=True))
    return 2 * right / max(1, sum(map(len, truth)) + sum(map(len, found)))


def measure_f1(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sentence]) -> Scores:
    """Return the F1 of all entities and of each kind."""
    truth = [find_spans(tags) for _, tags in rows]
    found = [find_spans(tags) for tags in predict_tags(model, tokenizer, rows)]

    def only(names: Sequence[set[Span]], kind: str) -> list[set[Span]]:
        return [{span for span in sentence if span[2] == kind} for sentence in names]

    return {"F1": compute_f1(truth, found)} | {kind: compute_f1(only(truth, kind), only(found, kind)) for kind in KINDS}


def measure_entities(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Path, split: str) -> Scores:
    """Return entity F1 on WikiGold; on the test split also on tweets (no MISC there) and on WNUT 2017."""
    found = measure_f1(model, tokenizer, read_wikigold(data, split))
    if split == "test":
        found["F1 on WNUT 2017"] = measure_f1(model, tokenizer, read_wnut(data, "test"))["F1"]
    return found


JOBS = {
    "entities": Job(
        key="entities",
        architecture="BertForTokenClassification",
        head=("classifier",),
        labels=LABELS,
        examples=make_examples,
        scores=measure_entities,
        loss=compute_loss_of_allowed_tags,
        recipe=Recipe(epochs=5, rate=5e-4),
    ),
}

if __name__ == "__main__":
    train_from_command_line(JOBS)
