"""Question answering: the model marks the answer to a question in a context."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor

from ..errors import BadRequest, Incompatible
from ..models.loading import Bundle
from ..models.probes.fences import fence_forward
from ..problem import Problem
from ..progress import Run
from ..registry import Range, list_params
from ..request import Target, ValidRequest
from ..results.explanation import Prediction
from ._answer_spans import AnswerLogits, find_best_sum, make_prediction, make_score_function
from ._answer_windows import RankWindow, Spend, choose_window, find_field_tokens
from ._outputs import check_numbers
from ._scores import ScoreFunction
from ._text_problem import make_text_problem
from .answer_check import AnswerCheck, Attackable, Judgement
from .base import Example, Field, Task
from .tokenization import Encoded, ScoreParams

QUESTION, CONTEXT = "question", "context"
NO_ANSWER_NOTICE = "The model thinks that the context has no answer. This explains its best guess."


@dataclass(frozen=True, kw_only=True)
class AnswerParams:
    """The setting of question answering."""

    longest_answer: Annotated[int, Range(1, 200), "Maximum number of tokens in an answer."] = 30


class QuestionAnswering(Attackable):
    """Which words made the model choose this answer?"""

    key = "question_answering"
    auto_class = "AutoModelForQuestionAnswering"
    label = "Question answering"
    question = "Which words of the question and the context made the model choose this answer?"
    fields = (
        Field(QUESTION, "Question", "Type a question.", "line"),
        Field(CONTEXT, "Context", "Type or paste a text that contains the answer."),
    )
    editable = (QUESTION,)
    subject = "prediction"
    examples = tuple(
        Example(label, ((QUESTION, question), (CONTEXT, context)))
        for label, question, context in (
            (
                "A bridge",
                "Who designed the bridge?",
                "The iron bridge over the Elle was opened in 1894. It was designed by Clara Weiss, and paid for by a "
                "brewer called Otto Lang, who wanted to get home faster.",
            ),
            (
                "When?",
                "When did the bakery move to the harbour?",
                "The bakery opened in 1962 in Mill Street. After the flood of 1978 it closed for two years, and in "
                "1980 it moved to the harbour, where it still sells the same dark bread.",
            ),
            (
                "Two people, one prize",
                "Who won the prize?",
                "Everybody expected Marta to win the prize, and Marta had already bought the shoes for the evening. In "
                "the end the jury gave it to Jonas, who had forgotten that he had entered.",
            ),
            (
                "Why?",
                "Why was the concert stopped?",
                "The concert in the park began at eight. It was stopped after twenty minutes because a swan had "
                "settled on the piano and would not leave.",
            ),
            (
                "How many?",
                "How many eggs does the cake need?",
                "My aunt's cake needs 250 grams of flour, four eggs and a cup of milk. It bakes for 50 minutes at 180 "
                "degrees and feeds 12 people, or two teenagers.",
            ),
            (
                "Nobody says",
                "What is the name of the cat?",
                "The cat sleeps on the router because it is warm. Whenever it stretches, the whole house loses its "
                "connection, and my brother shouts its name.",
            ),
        )
    )
    choices = foils = "predictions"
    params = (*list_params(ScoreParams), *list_params(AnswerParams))

    def encode(self, bundle: Bundle, request: ValidRequest, run: Run) -> Problem:
        texts, longest, encoded = _encode(self, bundle, request, run.spend)

        def make(outputs: Sequence[Any], params: ScoreParams) -> ScoreFunction:
            logits = _read_answer_logits(bundle, encoded, texts[CONTEXT], outputs[0])
            if _score_no_answer(bundle, encoded, outputs[0]) > find_best_sum(logits.starts, logits.ends, longest):
                run.notices.append(NO_ANSWER_NOTICE)
            columns = find_field_tokens(encoded, CONTEXT)
            return make_score_function(logits, logits.list_answers(longest), request.target, params.unit, columns)

        return make_text_problem(bundle, request, run, [encoded], make)

    def predict(self, bundle: Bundle, request: ValidRequest) -> Prediction:
        texts, longest, encoded = _encode(self, bundle, request, lambda _: None)
        with fence_forward(bundle.card.label), torch.no_grad():
            output = bundle.model(**encoded.inputs)
        return make_prediction(_read_answer_logits(bundle, encoded, texts[CONTEXT], output).list_answers(longest))

    def make_answer_check(self, bundle: Bundle, request: ValidRequest, run: Run, place: int | None) -> AnswerCheck:
        if request.target.index is not None:
            raise BadRequest("Choose an answer by its words, not by a number.")
        texts, longest, encoded = _encode(self, bundle, request, run.spend)

        def judge(outputs: Sequence[Any]) -> Judgement:
            logits = _read_answer_logits(bundle, encoded, texts[CONTEXT], outputs[0])
            return _judge_answer(logits, request.target.label, longest)

        return AnswerCheck((encoded,), judge)


def _encode(task: Task, bundle: Bundle, request: ValidRequest, spend: Spend) -> tuple[dict[str, str], int, Encoded]:
    """Return the request's texts, its limit on an answer's tokens, and the best window."""
    texts = task.texts(request)
    longest = request.read(AnswerParams).longest_answer
    return texts, longest, choose_window(bundle, texts, _make_rank(bundle, longest), spend)


def _judge_answer(logits: AnswerLogits, wanted: str | None, longest: int) -> Judgement:
    """Compare the model's answer with the wanted words, by default its answer.

    Words that occur only outside the window have probability 0.
    """
    answers = logits.list_answers(longest)
    best = answers[0].label
    if wanted is None or wanted == best:
        return Judgement(Target(best), best, answers[0].probabilities[0], True)
    try:
        answer = logits.find_answer(wanted, answers)
    except BadRequest:
        if wanted not in logits.text:
            raise
        return Judgement(Target(wanted), best, 0.0, False)
    return Judgement(Target(wanted), best, answer.probabilities[0], answer.label == best)


def _make_rank(bundle: Bundle, longest: int) -> RankWindow:
    """Rank windows by their best start logit plus end logit, as SQuAD's evaluation does."""

    def rank(output: Any, columns: Tensor) -> float:
        starts, ends = _read_logits(bundle, output)
        return find_best_sum(starts[:, columns], ends[:, columns], longest)

    return rank


def _read_answer_logits(bundle: Bundle, encoded: Encoded, text: str, output: Any) -> AnswerLogits:
    columns = find_field_tokens(encoded, CONTEXT)
    starts, ends = (logits[:, columns] for logits in _read_logits(bundle, output))
    return AnswerLogits(text, [encoded.features[i] for i in columns], starts, ends)


def _read_logits(bundle: Bundle, output: Any) -> tuple[Tensor, Tensor]:
    """Return the start and end logits, (B, F) each. Raises Incompatible if the model has none."""
    starts, ends = getattr(output, "start_logits", None), getattr(output, "end_logits", None)
    if starts is None or ends is None:
        raise Incompatible(
            f"{bundle.card.label} does not mark the start and end of an answer: it was made for another task."
        )
    return check_numbers(bundle, starts), check_numbers(bundle, ends)


def _score_no_answer(bundle: Bundle, encoded: Encoded, output: Any) -> float:
    """Return start logit plus end logit of the special token that means "no answer", -inf if there is none."""
    first = encoded.special & (encoded.inputs["input_ids"][0] == bundle.tokenizer.cls_token_id)
    starts, ends = _read_logits(bundle, output)
    return float((starts + ends)[0, first][:1].sum()) if first.any() else -math.inf
