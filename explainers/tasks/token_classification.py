"""Token classification: the model finds the named entities in a text."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import torch
from torch import Tensor

from ..errors import Incompatible
from ..models.loading import Bundle, read_labels
from ..models.probes.fences import fence_forward
from ..problem import Problem
from ..progress import Run
from ..registry import Range, list_params
from ..request import Target, ValidRequest, parse_count
from ..results.explanation import Prediction
from ._entity_spans import Entity, Level, TokenLogits, pair_with_foil, score_entity, select_entities
from ._outputs import check_numbers
from ._scores import ScoreFunction, name_unit, rank_targets
from ._text_problem import make_text_problem
from .answer_check import AnswerCheck, Attackable, Judgement
from .base import Example, Field
from .tokenization import Encoded, ScoreParams, encode

TEXT = "text"
MAX_SCORES = 2_000  # entities times tokens: what integrated gradients computes within a minute


@dataclass(frozen=True, kw_only=True)
class EntityParams:
    """The settings that define what counts as an entity, and how many entities are explained."""

    grouping: Annotated[
        Level,
        "How tokens become entities: each word counts with its first token (entity), every token counts, as in "
        "transformers' strategy simple (simple), or every word or token stands alone (word, token).",
    ] = "entity"
    ignored_labels: Annotated[str, "Classes to ignore, separated by commas."] = "O"
    ignored_indexes: Annotated[
        str, "Tokens to ignore by their number, separated by commas; the first has number 0."
    ] = ""
    special_tokens: Annotated[bool, "Also explain the special tokens that the tokenizer adds."] = False
    most_entities: Annotated[
        int, Range(1, 8_192), "Maximum number of entities to explain, most probable first; fewer for a long text."
    ] = 12

    def count(self, tokens: int) -> int:
        """Return how many entities are explained in a text, so that there are at most about MAX_SCORES scores."""
        most = max(1, MAX_SCORES // tokens)
        return self.most_entities if self.grouping == "token" else min(self.most_entities, most)

    def find_entities(self, logits: TokenLogits) -> list[Entity]:
        """Return the entities of a text in reading order."""
        indexes = [parse_count("token to ignore", part) for part in _split_commas(self.ignored_indexes)]
        return logits.find_entities(self.grouping, _split_commas(self.ignored_labels), indexes, self.special_tokens)


class TokenClassification(Attackable):
    """Which words made the model recognise this name?"""

    key = "token_classification"
    auto_class = "AutoModelForTokenClassification"
    label = "Named entities"
    question = "Which words made the model recognise this as the name of a person, a place or something else?"
    fields = (Field(TEXT, "Text", "Type a sentence with names in it."),)
    editable = (TEXT,)
    subject = "target"
    examples = tuple(
        Example(label, ((TEXT, text),))
        for label, text in (
            ("A journey", "Last spring Clara Weiss took the night train from Vienna to Lisbon to meet Otto Lang."),
            ("A new job", "Maria Torres left Siemens in Munich and now works for the United Nations in Geneva."),
            ("Paris twice", "Paris Miller has never been to Paris, but her brother Jordan lives in Jordan."),
            ("A company or a fruit", "Apple opened a shop in Turin, where my aunt sells apple cake by the old church."),
            ("All in capitals", "BREAKING: MAYOR ANNA BERG OF OSLO LOSES HER HAT TO A SEAGULL."),
            (
                "Names of cats",
                "Our cats are called Monday, Europe and Doctor Watson, and only Europe comes when called.",
            ),
        )
    )
    choices = "predictions"
    params = (*list_params(ScoreParams), *list_params(EntityParams))

    def encode(self, bundle: Bundle, request: ValidRequest, run: Run) -> Problem:
        texts, entity_params = self.texts(request), request.read(EntityParams)
        encoded = encode(bundle, texts)

        def make(outputs: Sequence[Any], params: ScoreParams) -> ScoreFunction:
            logits = _read_token_logits(bundle, encoded, texts[TEXT], outputs[0])
            entities = entity_params.find_entities(logits)
            selected = select_entities(logits, request.target, entities, entity_params.grouping)
            if len(selected) > (most := entity_params.count(len(encoded.features))):
                run.notices.append(
                    f"The {most:,} most probable of {len(selected):,} entities are explained. "
                    "Choose any other to explain it alone."
                )
                top = sorted(selected, key=lambda entity: -entity.probability)[:most]
                selected = [entity for entity in selected if entity in top]
            pairs = pair_with_foil(logits, selected, request.target.foil)

            def read(outputs: Sequence[Any]) -> Tensor:
                scores = [_compute_score(outputs[0].logits, *pair, params) for pair in pairs]
                return torch.stack(scores, dim=1)  # (B, T)

            unit = name_unit(params.unit, "softmax", None if request.target.foil is None else 0)
            targets = tuple(_make_target(entity, foil) for entity, foil in pairs)
            return ScoreFunction(targets, rank_targets(map(_make_target, entities)), unit, read)

        return make_text_problem(bundle, request, run, [encoded], make)

    def predict(self, bundle: Bundle, request: ValidRequest) -> Prediction:
        texts, params = self.texts(request), request.read(EntityParams)
        encoded = encode(bundle, texts)
        with fence_forward(bundle.card.label), torch.no_grad():
            output = bundle.model(**encoded.inputs)
        logits = _read_token_logits(bundle, encoded, texts[TEXT], output)
        return rank_targets(map(_make_target, params.find_entities(logits)))

    def make_answer_check(self, bundle: Bundle, request: ValidRequest, run: Run, place: int | None) -> AnswerCheck:
        texts, params = self.texts(request), request.read(EntityParams)
        encoded = encode(bundle, texts)

        def judge(outputs: Sequence[Any]) -> Judgement:
            logits = _read_token_logits(bundle, encoded, texts[TEXT], outputs[0])
            return _judge_entity(logits, params, request.target, place)

        return AnswerCheck((encoded,), judge)


def _judge_entity(logits: TokenLogits, params: EntityParams, wanted: Target, place: int | None) -> Judgement:
    """Compare the entity at the character `place` with the wanted one, by default the most probable selected one."""
    entities = params.find_entities(logits)
    if place is None:
        selected = select_entities(logits, wanted, entities, params.grouping)
        best = max(selected, key=lambda entity: entity.probability)
        wanted, place = _make_target(best), logits.tokens[best.first].start or 0
    label = logits.name_class(wanted.index) if wanted.label is None and wanted.index is not None else wanted.label or ""
    end = place + len(wanted.text or "")
    level: Level = "word" if params.grouping in ("entity", "word") else "token"
    inside = [unit for unit in logits.find_entities(level, ()) if place <= (logits.tokens[unit.first].start or 0) < end]
    scored, classes = tuple(unit.first for unit in inside), tuple(unit.classes[0] for unit in inside)
    same_text = Entity(label, scored[0], inside[-1].last, scored, classes, wanted.text or "")
    target = logits.change_class(same_text, label)
    entity = next((entity for entity in entities if (logits.tokens[entity.first].start or 0) == place), None)
    met = entity is not None and entity.text == wanted.text and logits.has_class(entity, label)
    says = "no entity" if entity is None else entity.label
    if entity is not None and entity.text != wanted.text:
        says = f"{entity.label} for {entity.text!r}"
    return Judgement(replace(_make_target(target), label=label), says, target.probability, met, ((place, end),))


def _split_commas(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _read_token_logits(bundle: Bundle, encoded: Encoded, text: str, output: Any) -> TokenLogits:
    logits = getattr(output, "logits", None)
    if logits is None or logits.shape[:-1] != (1, len(encoded.features)):
        raise Incompatible(f"{bundle.card.label} predicts no class for each token: it was made for another task.")
    check_numbers(bundle, logits)
    return TokenLogits(text, encoded.features, logits, read_labels(bundle.model, logits.shape[-1]))


def _make_target(entity: Entity, foil: Entity | None = None) -> Target:
    return Target(
        label=entity.label,
        index=entity.classes[0],
        position=entity.first,
        foil=foil.label if foil else None,
        probability=entity.probability,
        text=entity.text,
    )


def _compute_score(logits: Tensor, entity: Entity, foil: Entity | None, params: ScoreParams) -> Tensor:
    """Return the score (B,) of an entity from logits (B, F, C), minus that of its foil."""
    score = score_entity(logits, entity.scored, entity.classes, params.unit)
    return score if foil is None else score - score_entity(logits, foil.scored, foil.classes, params.unit)
