"""Encode texts with a tokenizer that exists in Python only, which knows neither windows nor places in the text.

Its own call remains the truth: windows are cut from its ids, and a token has a place only where the texts of all
tokens, one after the other, are the text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Incompatible

MOST_BYTES = 4  # of a character, each a token of its own in a tokenizer of bytes
MARKERS = ("##", "@@", "▁", "</w>", "Ġ")  # at the start or end of a token, for a word that goes on or begins
UNDECODED = "\ufffd"
Span = tuple[int, int] | None


@dataclass(frozen=True)
class PythonEncoding:
    """One row, with the names of tokenizers.Encoding; an offset is None if the place is not known."""

    ids: list[int]
    offsets: list[Span]
    sequence_ids: list[int | None]
    special_tokens_mask: list[int]


class PythonRows(dict[str, list[list[int]]]):
    """The output of a tokenizer by name, one row a window, with an encoding for each."""

    def __init__(self, rows: Sequence[tuple[PythonEncoding, Mapping[str, list[int]]]]) -> None:
        self.encodings = [encoding for encoding, _ in rows]
        super().__init__({name: [values[name] for _, values in rows] for name in rows[0][1]})
        self["special_tokens_mask"] = [encoding.special_tokens_mask for encoding in self.encodings]


def tokenize_in_python(
    tokenizer: Any,
    texts: Sequence[str],
    max_length: int,
    truncation: str | bool,
    stride: int = 0,
    add_special_tokens: bool = True,
) -> PythonRows:
    """Encode one or two texts as the tokenizer itself does, in windows as those of a fast tokenizer."""
    own = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    places = [find_places(tokenizer, text, ids) for text, ids in zip(texts, own, strict=True)]
    extra = tokenizer.num_special_tokens_to_add(pair=len(texts) == 2) if add_special_tokens else 0
    room = max_length - extra if truncation else sum(map(len, own))
    windows = _cut(own, room, str(truncation), stride, tokenizer.truncation_side == "left")
    rows = [_make_row(tokenizer, own, places, window, add_special_tokens) for window in windows]
    limit = {"truncation": truncation, "max_length": max_length} if truncation else {}
    plain = tokenizer(*texts, add_special_tokens=add_special_tokens, **limit)
    if list(plain["input_ids"]) != rows[0][0].ids:
        raise Incompatible(
            f"{type(tokenizer).__name__} encodes a text alone in another way than with special tokens, so the text's "
            "tokens cannot be found."
        )
    if len(rows) == 1:  # with all other inputs that the tokenizer makes
        rows = [(rows[0][0], {name: list(values) for name, values in plain.items()})]
    return PythonRows(rows)


def _cut(
    own: Sequence[Sequence[int]], room: int, truncation: str, stride: int, left: bool
) -> Iterator[tuple[range, ...]]:
    """Yield for each window the range of each text's tokens in it; longest_first and one text are cut once."""
    counts = [len(ids) for ids in own]
    if sum(counts) <= room:
        yield tuple(range(count) for count in counts)
        return
    which = {"only_first": 0, "only_second": 1}.get(truncation)
    if which is None:  # take one token after the other from the longer text
        while sum(counts) > room:
            counts[0 if len(counts) == 1 or counts[0] > counts[1] else 1] -= 1
        yield tuple(
            range(len(ids) - count, len(ids)) if left else range(count) for ids, count in zip(own, counts, strict=True)
        )
        yield tuple(range(0) for _ in own)  # says that something was cut
        return
    whole, size = counts[which], max(1, room - sum(counts) + counts[which])
    for first in range(0, whole, max(1, size - stride)):
        part = range(first, min(first + size, whole))
        yield tuple(part if i == which else range(count) for i, count in enumerate(counts))
        if part.stop == whole:
            return


def _make_row(
    tokenizer: Any, own: Sequence[list[int]], places: Sequence[list[Span]], window: tuple[range, ...], special: bool
) -> tuple[PythonEncoding, dict[str, list[int]]]:
    """Put the tokens of a window between special tokens; marks instead of ids show which tokens are special."""
    parts = [[ids[i] for i in part] for ids, part in zip(own, window, strict=True)]
    marks = {-1 - n: (text, i) for n, (text, i) in enumerate((t, i) for t, part in enumerate(window) for i in part)}
    marked = [[mark for mark, (text, _) in marks.items() if text == t] for t in range(len(own))]
    layout = tokenizer.build_inputs_with_special_tokens(*marked) if special else [mark for m in marked for mark in m]
    texts = [marks.get(token) for token in layout]
    encoding = PythonEncoding(
        ids=[token if at is None else own[at[0]][at[1]] for token, at in zip(layout, texts, strict=True)],
        offsets=[(0, 0) if at is None else places[at[0]][at[1]] for at in texts],
        sequence_ids=[None if at is None else at[0] for at in texts],
        special_tokens_mask=[int(at is None) for at in texts],
    )
    values: dict[str, list[int]] = {"input_ids": encoding.ids, "attention_mask": [1] * len(layout)}
    if "token_type_ids" in tokenizer.model_input_names:
        values["token_type_ids"] = list(tokenizer.create_token_type_ids_from_sequences(*parts))
    return encoding, values


def find_places(tokenizer: Any, text: str, ids: Sequence[int]) -> list[Span]:
    """Find the start and end of each token in the text, all None unless the tokens' texts together are the text.

    Spaces and case do not count. The bytes of one character share its place.
    """
    tokens = [str(token) for token in tokenizer.convert_ids_to_tokens(list(ids))]
    spans: list[Span] = []
    place = 0
    while len(spans) < len(tokens):
        first = len(spans)
        if not strip_markers(tokens[first]).strip():
            spans.append((place, place))
            continue
        for end in range(first + 1, min(first + MOST_BYTES, len(tokens)) + 1):
            matches = (_match(text, place, form) for form in _list_forms(tokenizer, tokens, first, end))
            if (span := next(filter(None, matches), None)) is not None:
                break
        else:
            return [None] * len(tokens)
        spans += [span] * (end - first)
        place = span[1]
    return [None] * len(tokens) if text[place:].strip() else spans


def strip_markers(token: str) -> str:
    """Return a token without the marks of the start and the end of a word."""
    for marker in MARKERS:
        token = token.removeprefix(marker).removesuffix(marker)
    return token


def _list_forms(tokenizer: Any, tokens: Sequence[str], first: int, end: int) -> Iterator[str]:
    """Yield the texts that tokens may stand for: alone, after the one before, before the next, without their marks."""
    decode = tokenizer.convert_tokens_to_string
    yield decode(tokens[first:end])
    if first:
        before, both = decode(tokens[first - 1 : first]), decode(tokens[first - 1 : end])
        yield both.removeprefix(before) if before and both.startswith(before) else ""
    if end < len(tokens):
        after, both = decode(tokens[end : end + 1]), decode(tokens[first : end + 1])
        yield both.removesuffix(after) if after and both.endswith(after) else ""
    if end == first + 1 and (bare := strip_markers(tokens[first])) != tokens[first]:
        yield bare


def _match(text: str, place: int, form: str) -> tuple[int, int] | None:
    """Return the span of `form` in the text from `place` on, or None if something else stands there."""
    span: tuple[int, int] | None = None
    for sign in form:
        if sign.isspace():
            continue
        while place < len(text) and text[place].isspace():
            place += 1
        if place == len(text) or UNDECODED in (sign, text[place]) or text[place].lower() != sign.lower():
            return None
        span = (place if span is None else span[0], place + 1)
        place += 1
    return span
