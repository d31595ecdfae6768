"""Decode start and end logits into answers: valid spans of the context with their probabilities.

B inputs in a batch, C tokens of the context.
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

MAX_ANSWERS = 10  # in a prediction
PARTS = ("answer", "start", "end")  # of an answer, each explained as a target


@dataclass(frozen=True)
class Answer:
    """A span of the context: the indices of its first and last token among the context's, and its words.

    `label` is the words, numbered where they occur twice; `probabilities` are those of the answer, its start and end.
    """

    first: int
    last: int
    label: str
    probabilities: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class AnswerLogits:
    """The tokens of a context, and their start and end logits (1, C)."""

    text: str
    tokens: Sequence[Feature]
    starts: Tensor
    ends: Tensor

    def list_answers(self, longest: int) -> tuple[Answer, ...]:
        """Return the answers of at most `longest` tokens, one per span of characters, most probable first."""
        sums = score_spans(self.starts[0], self.ends[0], longest)  # (C, longest)
        answers: dict[tuple[int, int], Answer] = {}
        for place in sums.flatten().argsort(descending=True).tolist():
            first, more = divmod(place, sums.shape[1])
            if len(answers) == MAX_ANSWERS or first + more >= len(self.tokens):
                break
            start, end = self._find_characters(first, first + more)
            if start < end and (start, end) not in answers:
                answers[start, end] = self._make_answer(first, first + more)
        if not answers:
            raise BadRequest("The context has no word that could be an answer.")
        return _number_duplicates(list(answers.values()))

    def find_answer(self, words: str, answers: Sequence[Answer]) -> Answer:
        """Return the answer with the label `words`, else the most probable occurrence of the words.

        Raises BadRequest if they do not occur in the part of the context that the model read.
        """
        if labelled := next((answer for answer in answers if answer.label == words), None):
            return labelled
        read = min(token.start or 0 for token in self.tokens), max(token.end or 0 for token in self.tokens)
        for flags in (re.NOFLAG, re.IGNORECASE):
            matches = re.compile(re.escape(words.strip() or words), flags).finditer(self.text, *read)
            spans = filter(None, (self._find_tokens(*match.span()) for match in matches))
            if occurrences := [self._make_answer(*span) for span in spans]:
                return max(occurrences, key=lambda answer: answer.probabilities[0])
        examples = ", ".join(answer.label for answer in answers[:5])
        raise BadRequest(
            f"The words {words[:60]!r} do not occur in the context that the model read. "
            f"Choose words from the context, for example: {examples}."
        )

    def _make_answer(self, first: int, last: int) -> Answer:
        start, end = self._find_characters(first, last)
        scores = compute_scores(self.starts, self.ends, first, last, "probability")[0].tolist()
        return Answer(first, last, self.text[start:end], (scores[0], scores[1], scores[2]))

    def _find_characters(self, first: int, last: int) -> tuple[int, int]:
        """Return the start and end of the tokens' words without surrounding space; equal if there are none."""
        start, end = self.tokens[first].start or 0, self.tokens[last].end or 0
        words = self.text[start:end].strip()
        start = self.text.find(words, start)
        return start, start + len(words)

    def _find_tokens(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the first and last token of a span of characters, or None if the model did not read all of it."""
        inside = [i for i, token in enumerate(self.tokens) if (token.start or 0) < end and (token.end or 0) > start]
        if not inside:
            return None
        first, last = self._find_characters(inside[0], inside[-1])
        return (inside[0], inside[-1]) if first <= start and end <= last else None


def make_prediction(answers: Sequence[Answer]) -> Prediction:
    """Return the answers as targets, best first, and the text of the best."""
    targets = tuple(Target(answer.label, probability=answer.probabilities[0]) for answer in answers)
    return Prediction(targets, answers[0].label)


def make_score_function(
    logits: AnswerLogits, answers: Sequence[Answer], target: Target, unit: Unit, columns: Tensor
) -> ScoreFunction:
    """Return the scores of the target's answer, by default the best. `columns` (C,) are the context's positions."""
    if target.index is not None or target.position is not None:
        raise BadRequest("Choose an answer by its words, not by a number.")
    if unit == "log_odds" and len(columns) == 1:
        raise BadRequest("The context is a single token, so the log-odds of the answer are infinite.")
    answer = answers[0] if target.label is None else logits.find_answer(target.label, answers)
    foil = None if target.foil is None else logits.find_answer(target.foil, answers)
    if foil and (foil.first, foil.last) == (answer.first, answer.last):
        raise BadRequest(f"{answer.label!r} cannot be compared with itself. Choose another answer to compare with.")

    def read(outputs: Sequence[Any]) -> Tensor:
        starts, ends = outputs[0].start_logits[:, columns], outputs[0].end_logits[:, columns]
        scores = compute_scores(starts, ends, answer.first, answer.last, unit)
        return scores if foil is None else scores - compute_scores(starts, ends, foil.first, foil.last, unit)

    name = name_unit(unit, "softmax", None if foil is None else foil.first)
    return ScoreFunction(_make_targets(answer, foil, columns), make_prediction(answers), name, read)


def _make_targets(answer: Answer, foil: Answer | None, columns: Tensor) -> tuple[Target, ...]:
    """Return a target for each of PARTS, with the position of its token."""
    positions = (None, int(columns[answer.first]), int(columns[answer.last]))
    return tuple(
        Target(part, position=position, foil=foil.label if foil else None, probability=probability, text=answer.label)
        for part, position, probability in zip(PARTS, positions, answer.probabilities, strict=True)
    )


def score_spans(starts: Tensor, ends: Tensor, longest: int) -> Tensor:
    """Return start logit plus end logit of every span, (C, longest): entry (c, l) is the span of tokens c to c + l.

    Spans that end outside the context are -inf.
    """
    padded = torch.cat([ends, ends.new_full((longest - 1,), -torch.inf)])
    return starts[:, None] + padded.unfold(0, longest, 1)  # (C, longest)


def find_best_sum(starts: Tensor, ends: Tensor, longest: int) -> float:
    """Return the highest start logit plus end logit of any span, from logits (1, C)."""
    return float(score_spans(starts[0], ends[0], longest).max())


def compute_scores(starts: Tensor, ends: Tensor, first: int, last: int, unit: Unit) -> Tensor:
    """Return the scores of an answer, (B, 3) in the order of PARTS, from logits (B, C).

    The probability of an answer is that of its start times that of its end, both among the tokens of the context; its
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


def _compute_log_probabilities(logits: Tensor, column: int) -> tuple[Tensor, Tensor]:
    """Return log p and log(1 - p), (B,) each, of the token at `column`."""
    others = torch.cat([logits[:, :column], logits[:, column + 1 :]], dim=1)  # (B, C-1)
    total = logits.logsumexp(dim=1)
    return logits[:, column] - total, others.logsumexp(dim=1) - total


def _number_duplicates(answers: list[Answer]) -> tuple[Answer, ...]:
    """Label equal words at several places "Paris", "Paris (2)" and so on."""
    counts: Counter[str] = Counter()
    taken = {answer.label for answer in answers}
    numbered = []
    for answer in answers:
        counts[answer.label] += 1
        label = answer.label
        while counts[answer.label] > 1 and (label := f"{answer.label} ({counts[answer.label]})") in taken:
            counts[answer.label] += 1
        numbered.append(replace(answer, label=label))
    return tuple(numbered)
