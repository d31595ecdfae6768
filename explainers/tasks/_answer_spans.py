"""From the logits of start and end to answers: valid spans of the context, in its own characters, with their numbers.

Knows no tokenizer and no method. Letters: B inputs in a batch, C tokens of the context.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..errors import BadRequest
from ..request import Target
from ..results.explanation import Feature, Prediction
from ._scores import ScoreFunction, Unit, name_unit

MAX_ANSWERS = 10  # answers to choose from
PARTS = ("answer", "start", "end")  # what is read of an answer, a target each


@dataclass(frozen=True)
class Answer:
    """A span of the context: its first and last token, counted in the context, and its words.

    `label` is the words, made unique where they stand twice; `probabilities` are of the answer, its start and its end.
    """

    first: int
    last: int
    label: str
    probabilities: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class AnswerLogits:
    """What the model says of every token of a context: start and end logits (1, C), and the tokens themselves."""

    text: str
    tokens: Sequence[Feature]
    starts: Tensor
    ends: Tensor

    def best(self, longest: int) -> tuple[Answer, ...]:
        """The answers of at most `longest` tokens, most probable first; of those with the same characters one."""
        sums = score_spans(self.starts[0], self.ends[0], longest)  # (C, longest)
        found: dict[tuple[int, int], Answer] = {}
        for place in sums.flatten().argsort(descending=True).tolist():
            first, more = divmod(place, sums.shape[1])
            if len(found) == MAX_ANSWERS or first + more >= len(self.tokens):
                break
            start, end = self._characters(first, first + more)
            if start < end and (start, end) not in found:
                found[start, end] = self.answer(first, first + more)
        if not found:
            raise BadRequest("The model reads no word in the context that could be an answer.")
        return _number_duplicates(list(found.values()))

    def answer(self, first: int, last: int) -> Answer:
        """The answer that these tokens are."""
        start, end = self._characters(first, last)
        read = compute_scores(self.starts, self.ends, first, last, "probability")[0].tolist()
        return Answer(first, last, self.text[start:end], (read[0], read[1], read[2]))

    def named(self, words: str, known: Sequence[Answer]) -> Answer:
        """The answer that is called so, else the most probable place where the words stand. Raises BadRequest."""
        if found := next((answer for answer in known if answer.label == words), None):
            return found
        for flags in (re.NOFLAG, re.IGNORECASE):
            matches = re.compile(re.escape(words.strip() or words), flags).finditer(self.text, *self._read)
            places = filter(None, (self._tokens(*match.span()) for match in matches))
            if found_there := [self.answer(*place) for place in places]:
                return max(found_there, key=lambda answer: answer.probabilities[0])
        offered = ", ".join(answer.label for answer in known[:5])
        raise BadRequest(
            f"The words {words[:60]!r} do not stand in the context that the model read. "
            f"Ask about words of it, such as: {offered}."
        )

    @property
    def _read(self) -> tuple[int, int]:
        """Where the part of the text that the model read begins and ends."""
        return min(token.start or 0 for token in self.tokens), max(token.end or 0 for token in self.tokens)

    def _characters(self, first: int, last: int) -> tuple[int, int]:
        """Where the words of these tokens begin and end; a token of nothing but space has none."""
        start, end = self.tokens[first].start or 0, self.tokens[last].end or 0
        words = self.text[start:end].strip()
        start = self.text.find(words, start)
        return start, start + len(words)

    def _tokens(self, start: int, end: int) -> tuple[int, int] | None:
        """The first and last token of these characters; None if they were not read."""
        inside = [i for i, token in enumerate(self.tokens) if _overlaps(token, start, end)]
        if not inside:
            return None
        first, last = self._characters(inside[0], inside[-1])
        return (inside[0], inside[-1]) if first <= start and end <= last else None


def _overlaps(token: Feature, start: int, end: int) -> bool:
    return (token.start or 0) < end and (token.end or 0) > start


def make_prediction(known: Sequence[Answer]) -> Prediction:
    """The answers to choose from, best first, and the best one's words."""
    targets = tuple(Target(answer.label, probability=answer.probabilities[0]) for answer in known)
    return Prediction(targets, known[0].label)


def make_score_function(
    passage: AnswerLogits, known: Sequence[Answer], wanted: Target, unit: Unit, columns: Tensor
) -> ScoreFunction:
    """The numbers of the answer that is wanted, or else of the best; the context's tokens are at `columns` (C,)."""
    if wanted.index is not None or wanted.position is not None:
        raise BadRequest("An answer is asked for by its words, not by a number.")
    if unit == "log_odds" and len(columns) == 1:
        raise BadRequest("The context is a single token: the odds of its being the answer are infinite.")
    answer = known[0] if wanted.label is None else passage.named(wanted.label, known)
    foil = None if wanted.foil is None else passage.named(wanted.foil, known)
    if foil and (foil.first, foil.last) == (answer.first, answer.last):
        raise BadRequest(f"{answer.label!r} cannot be compared with itself. Choose another answer to compare with.")

    def read(outputs: Sequence[Any]) -> Tensor:
        starts, ends = outputs[0].start_logits[:, columns], outputs[0].end_logits[:, columns]
        found = compute_scores(starts, ends, answer.first, answer.last, unit)
        return found if foil is None else found - compute_scores(starts, ends, foil.first, foil.last, unit)

    name = name_unit(unit, "softmax", None if foil is None else foil.first)
    return ScoreFunction(_make_targets(answer, foil, columns), make_prediction(known), name, read)


def _make_targets(answer: Answer, foil: Answer | None, columns: Tensor) -> tuple[Target, ...]:
    """One target a part; its position is that of the token that it is read at."""
    places = (None, int(columns[answer.first]), int(columns[answer.last]))
    return tuple(
        Target(part, position=place, foil=foil.label if foil else None, probability=probability, text=answer.label)
        for part, place, probability in zip(PARTS, places, answer.probabilities, strict=True)
    )


def score_spans(starts: Tensor, ends: Tensor, longest: int) -> Tensor:
    """Start logit plus end logit of every span, (C, longest): of the one from token c that goes on for l more tokens.

    Spans that would end outside the context are -inf.
    """
    padded = torch.cat([ends, ends.new_full((longest - 1,), -torch.inf)])
    return starts[:, None] + padded.unfold(0, longest, 1)  # (C, longest)


def find_best_sum(starts: Tensor, ends: Tensor, longest: int) -> float:
    """The highest start logit plus end logit that an answer has, from logits (1, C)."""
    return float(score_spans(starts[0], ends[0], longest).max())


def compute_scores(starts: Tensor, ends: Tensor, first: int, last: int, unit: Unit) -> Tensor:
    """What is explained of an answer, by PARTS, (B, 3), from logits (B, C).

    The answer's probability is that of its start times that of its end, each among the tokens of the context; its
    logit is the sum of both logits.
    """
    start, end = starts[:, first], ends[:, last]
    if unit == "logit":
        return torch.stack([start + end, start, end], dim=1)
    is_start, no_start = _compute_log_probabilities(starts, first)
    is_end, no_end = _compute_log_probabilities(ends, last)
    if unit == "probability":
        return torch.stack([is_start + is_end, is_start, is_end], dim=1).exp()
    no_answer = torch.logaddexp(no_start, is_start + no_end)  # 1 - ab = (1 - a) + a(1 - b)
    return torch.stack([is_start + is_end - no_answer, is_start - no_start, is_end - no_end], dim=1)


def _compute_log_probabilities(logits: Tensor, place: int) -> tuple[Tensor, Tensor]:
    """log p and log(1 - p), (B,) each, of one token among all."""
    others = torch.cat([logits[:, :place], logits[:, place + 1 :]], dim=1)  # (B, C-1)
    every = logits.logsumexp(dim=1)
    return logits[:, place] - every, others.logsumexp(dim=1) - every


def _number_duplicates(answers: list[Answer]) -> tuple[Answer, ...]:
    """The same words at several places as "Paris", "Paris (2)" and so on."""
    seen: Counter[str] = Counter()
    taken = {answer.label for answer in answers}
    named = []
    for answer in answers:
        seen[answer.label] += 1
        label = answer.label
        while seen[answer.label] > 1 and (label := f"{answer.label} ({seen[answer.label]})") in taken:
            seen[answer.label] += 1
        named.append(replace(answer, label=label))
    return tuple(named)
