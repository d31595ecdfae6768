"""Masked words: a text with a word missing, and the words that the model would write there.

Knows no method and no page.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..errors import BadRequest, Incompatible
from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..request import Request, Target
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
from ._scores import ScoreFunction, compute_score, name_unit
from ._text_problem import make_text_problem
from .answer_check import AnswerCheck, Attackable, Judgement
from .base import Example, Field
from .tokenization import Encoded, ScoreParams

TEXT = "text"
MAX_LOGITS = 50_000_000  # logits that are held at once: every token has one for each word of the vocabulary


class FillMask(Attackable):
    """Which words made the model fill the gap as it does?"""

    key = "fill_mask"
    auto_class = "AutoModelForMaskedLM"
    label = "Masked words"
    question = "Which words of the text made the model fill the gap as it does?"
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

    def encode(self, bundle: Bundle, request: Request, run: Run) -> Problem:
        texts = mark_masks(bundle, self.texts(request))
        encoded, masks = encode_masked(bundle, texts)

        def ask(outputs: Sequence[Any], reading: ScoreParams) -> ScoreFunction:
            return _make_score_function(
                bundle, request.target, _read_logits(bundle, encoded, outputs[0]), masks, reading
            )

        found = make_text_problem(bundle, request, run, [encoded], ask, texts=tuple(texts.items()))
        batching = found.batching
        return replace(found, batching=replace(batching, size=min(batching.size, _count_batch(bundle, encoded))))

    def predict(self, bundle: Bundle, request: Request) -> Prediction:
        encoded, masks = encode_masked(bundle, mark_masks(bundle, self.texts(request)))
        with torch.no_grad():
            return predict_masks(bundle, _read_logits(bundle, encoded, bundle.model(**encoded.inputs)), masks)

    def make_answer_check(self, bundle: Bundle, request: Request, run: Run, place: int | None = None) -> AnswerCheck:
        encoded, masks = encode_masked(bundle, mark_masks(bundle, self.texts(request)))
        wanted = request.target
        at = next((i for i in masks if encoded.features[i].start == place), None)

        def judge(outputs: Sequence[Any]) -> Judgement:
            logits = _read_logits(bundle, encoded, outputs[0])
            there = _choose_mask(wanted, masks) if at is None else at
            best = predict_mask(bundle, logits, there, 1)[0]
            index = best.index if wanted.label is None else find_token(bundle, wanted.label)
            share = read_probability(logits, there, index or 0)
            asked = make_target(bundle, there, index or 0, share)
            return Judgement(asked, str(best.label), share, index == best.index, find_mask_spans(encoded, masks))

        return AnswerCheck((encoded,), judge, _count_batch(bundle, encoded))


def _read_logits(bundle: Bundle, encoded: Encoded, output: Any) -> Tensor:
    """The logits (1, F, V) of the model's own output."""
    logits: Tensor | None = getattr(output, "logits", None)
    if logits is None or logits.dim() != 3 or logits.shape[1] != len(encoded.features):
        raise Incompatible(f"{bundle.card.label} gives no word for each token: it was made for another task.")
    return logits


def _count_batch(bundle: Bundle, encoded: Encoded) -> int:
    return max(1, MAX_LOGITS // (len(encoded.features) * len(bundle.embeddings.word.weight)))  # type: ignore[arg-type]


def _choose_mask(wanted: Target, masks: Sequence[int]) -> int:
    """The mask that is asked about, the first if none is."""
    if wanted.position is not None and wanted.position not in masks:
        places = ", ".join(map(str, masks))
        raise BadRequest(f"Token {wanted.position} is no mask. The masks are at: {places}.")
    return masks[0] if wanted.position is None else wanted.position


def _make_score_function(
    bundle: Bundle, wanted: Target, logits: Tensor, masks: list[int], reading: ScoreParams
) -> ScoreFunction:
    """The numbers of the word that is asked about, or else of the likeliest word of each mask."""
    found = predict_masks(bundle, logits, masks)
    if wanted.label is None and wanted.index is None and wanted.position is None and wanted.foil is None:
        targets = tuple(predict_mask(bundle, logits, at, 1)[0] for at in masks)
    else:
        at = _choose_mask(wanted, masks)
        index = find_token(bundle, wanted.label) if wanted.label is not None else wanted.index
        if index is None:
            index = predict_mask(bundle, logits, at, 1)[0].index or 0
        if not 0 <= index < logits.shape[-1]:
            raise BadRequest(f"The vocabulary has no word {index}: it has {logits.shape[-1]:,}.")
        targets = (make_target(bundle, at, index, read_probability(logits, at, index)),)
    foil = None if wanted.foil is None else find_token(bundle, wanted.foil)
    if foil is not None and foil == targets[0].index:
        raise BadRequest(f"{targets[0].label} cannot be compared with itself. Choose another word to compare with.")
    asked = tuple(replace(one, foil=wanted.foil) for one in targets)

    def read(outputs: Sequence[Any]) -> Tensor:
        logits = outputs[0].logits  # (B, F, V)
        numbers = [
            compute_score(logits[:, t.position or 0], t.index or 0, reading.unit, "softmax", foil) for t in asked
        ]
        return torch.stack(numbers, dim=1)  # (B, T)

    return ScoreFunction(asked, found, name_unit(reading.unit, "softmax", foil), read)
