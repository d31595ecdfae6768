"""Masked words: the model predicts the words that are missing in a text."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..errors import BadRequest, Incompatible
from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..request import Target, ValidRequest
from ..results.explanation import Prediction
from ._mask_tokens import (
    encode_masked,
    find_mask_spans,
    find_token,
    make_target,
    mark_masks,
    predict_mask,
    predict_masks,
    read_probability,
)
from ._outputs import check_numbers
from ._scores import ScoreFunction, compute_score, name_unit
from ._text_problem import make_text_problem
from .answer_check import AnswerCheck, Attackable, Judgement
from .base import Example, Field, is_unspecified
from .tokenization import Encoded, ScoreParams

TEXT = "text"
MAX_LOGITS = 50_000_000  # in memory at once: every token has one for each token of the vocabulary


class FillMask(Attackable):
    """Which words of the text made the model predict this word for the mask?"""

    key = "fill_mask"
    auto_class = "AutoModelForMaskedLM"
    label = "Masked words"
    question = "Which words of the text made the model predict this word for the mask?"
    fields = (Field(TEXT, "Text", "Write ___ or [MASK] where a word is missing."),)
    editable = (TEXT,)
    subject = "position"
    examples = tuple(
        Example(label, ((TEXT, text),))
        for label, text in (
            ("A capital", "[MASK] is the capital of England."),
            ("A ship", "The ship sank in the [MASK]."),
            ("A tired nurse", "The nurse said that [MASK] was tired."),
            ("A tired engineer", "The engineer said that [MASK] was tired."),
            ("Two gaps", "She was born in New [MASK] and studied at the [MASK] of Chicago."),
            ("A wrong guess", "She seasoned the soup with a pinch of [MASK]."),
        )
    )
    choices = foils = "predictions"

    def encode(self, bundle: Bundle, request: ValidRequest, run: Run) -> Problem:
        texts = mark_masks(bundle, self.texts(request))
        encoded, masks = encode_masked(bundle, texts)

        def make(outputs: Sequence[Any], params: ScoreParams) -> ScoreFunction:
            logits = _read_logits(bundle, encoded, outputs[0])
            return _make_score_function(bundle, request.target, logits, masks, params)

        problem = make_text_problem(bundle, request, run, [encoded], make, texts=tuple(texts.items()))
        size = min(problem.batching.size, _limit_batch(bundle, encoded))
        return replace(problem, batching=replace(problem.batching, size=size))

    def predict(self, bundle: Bundle, request: ValidRequest) -> Prediction:
        encoded, masks = encode_masked(bundle, mark_masks(bundle, self.texts(request)))
        with torch.no_grad():
            return predict_masks(bundle, _read_logits(bundle, encoded, bundle.model(**encoded.inputs)), masks)

    def make_answer_check(self, bundle: Bundle, request: ValidRequest, run: Run, place: int | None) -> AnswerCheck:
        encoded, masks = encode_masked(bundle, mark_masks(bundle, self.texts(request)))
        wanted = request.target
        at_place = next((i for i in masks if encoded.features[i].start == place), None)

        def judge(outputs: Sequence[Any]) -> Judgement:
            logits = _read_logits(bundle, encoded, outputs[0])
            position = _choose_mask(wanted, masks) if at_place is None else at_place
            best = predict_mask(bundle, logits, position, 1)[0]
            index = best.index if wanted.index is None else _check_index(wanted.index, logits)
            if wanted.label is not None:
                index = find_token(bundle, wanted.label)
            probability = read_probability(logits, position, index or 0)
            target = make_target(bundle, position, index or 0, probability)
            spans = find_mask_spans(encoded, masks)
            return Judgement(target, str(best.label), probability, index == best.index, spans)

        return AnswerCheck((encoded,), judge, _limit_batch(bundle, encoded))


def _read_logits(bundle: Bundle, encoded: Encoded, output: Any) -> Tensor:
    """Return the logits (1, F, V) of the model's output. Raises Incompatible if it has none for each token."""
    logits: Tensor | None = getattr(output, "logits", None)
    if logits is None or logits.dim() != 3 or logits.shape[1] != len(encoded.features):
        raise Incompatible(f"{bundle.card.label} predicts no word for each token: it was made for another task.")
    check_numbers(bundle, logits[:, encoded.special])  # the masks are special
    return logits


def _limit_batch(bundle: Bundle, encoded: Encoded) -> int:
    """Return how many texts of this length have at most MAX_LOGITS logits together."""
    return max(1, MAX_LOGITS // (len(encoded.features) * bundle.embeddings.rows))


def _choose_mask(wanted: Target, masks: Sequence[int]) -> int:
    """Return the position of the wanted mask, by default the first."""
    if wanted.position is not None and wanted.position not in masks:
        positions = ", ".join(map(str, masks))
        raise BadRequest(f"Token {wanted.position} is not a mask. The masks are at: {positions}.")
    return masks[0] if wanted.position is None else wanted.position


def _check_index(index: int, logits: Tensor) -> int:
    """Return the index of a token. Raises BadRequest if the logits (1, F, V) have none with it."""
    if not 0 <= index < logits.shape[-1]:
        raise BadRequest(f"The vocabulary has no token {index}: it has {logits.shape[-1]:,} tokens.")
    return index


def _make_score_function(
    bundle: Bundle, wanted: Target, logits: Tensor, masks: list[int], params: ScoreParams
) -> ScoreFunction:
    """Return the score of the wanted word, or else of the most probable word of each mask."""
    if is_unspecified(wanted) and wanted.position is None:
        targets = tuple(predict_mask(bundle, logits, position, 1)[0] for position in masks)
    else:
        position = _choose_mask(wanted, masks)
        index = find_token(bundle, wanted.label) if wanted.label is not None else wanted.index
        if index is None:
            index = predict_mask(bundle, logits, position, 1)[0].index or 0
        _check_index(index, logits)
        targets = (make_target(bundle, position, index, read_probability(logits, position, index)),)
    foil = None if wanted.foil is None else find_token(bundle, wanted.foil)
    if foil is not None and foil == targets[0].index:
        raise BadRequest(f"{targets[0].label} cannot be compared with itself. Choose another word to compare with.")
    targets = tuple(replace(target, foil=wanted.foil) for target in targets)

    def read(outputs: Sequence[Any]) -> Tensor:
        logits = outputs[0].logits  # (B, F, V)
        scores = [
            compute_score(logits[:, target.position or 0], target.index or 0, params.unit, "softmax", foil)
            for target in targets
        ]
        return torch.stack(scores, dim=1)  # (B, T)

    prediction = predict_masks(bundle, logits, masks)
    return ScoreFunction(targets, prediction, name_unit(params.unit, "softmax", foil), read)
