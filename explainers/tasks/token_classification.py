"""Token classification: the names in a text, each with its class.

Knows no method and no page.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import torch
from torch import Tensor

from ..errors import Incompatible
from ..models.loading import Bundle, read_labels
from ..problem import Problem
from ..progress import Run
from ..registry import Range, params_of, read_params
from ..request import Request, Target, parse_count
from ..results.explanation import Prediction
from ._entity_spans import Entity, Level, TokenLogits, pair_with_foil, score_entity, select_entities
from ._scores import ScoreFunction, name_unit
from ._text_problem import make_text_problem
from .answer_check import AnswerCheck, Attackable, Judgement
from .base import Example, Field
from .tokenization import Encoded, ScoreParams, encode

TEXT = "text"
MAX_SCORES = 2_000  # of all maps together: what integrated gradients computes within a minute
OTHER_ENTITIES = "Ask about any other by itself."


@dataclass(frozen=True, kw_only=True)
class EntityParams:
    """What counts as an entity here, and how many are explained."""

    grouping: Annotated[
        Level,
        "Explain whole names by the first token of each word, names by all their tokens (transformers' simple rule), "
        "single words, or single tokens.",
    ] = "entity"
    ignored_labels: Annotated[str, "Classes to leave out, with commas between them."] = "O"
    ignored_indexes: Annotated[str, "Tokens to leave out by number, 0 being the first, with commas between them."] = ""
    special_tokens: Annotated[bool, "Ask about the tokens that the tokenizer adds, too."] = False
    most_entities: Annotated[
        int, Range(1, 8_192), "Explain at most so many, the most probable; fewer where the text is long."
    ] = 12

    def most(self, tokens: int) -> int:
        """How many entities of a text are explained: their maps grow with it, and so does the time for each."""
        return self.most_entities if self.grouping == "token" else min(self.most_entities, max(1, MAX_SCORES // tokens))

    def found(self, scene: TokenLogits) -> list[Entity]:
        """The entities of a scene, in reading order."""
        indexes = [parse_count("token to leave out", part) for part in _split_commas(self.ignored_indexes)]
        return scene.entities(self.grouping, _split_commas(self.ignored_labels), indexes, self.special_tokens)


class TokenClassification(Attackable):
    """Which words made the model take this for a name?"""

    key = "token_classification"
    auto_class = "AutoModelForTokenClassification"
    label = "Named entities"
    question = "Which words made the model take this for the name of a person, a place or something else?"
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
    params = (*params_of(ScoreParams), *params_of(EntityParams))

    def encode(self, bundle: Bundle, request: Request, run: Run) -> Problem:
        texts, finding = self.texts(request), read_params(EntityParams, request.options)
        encoded = encode(bundle, texts)

        def ask(outputs: Sequence[Any], reading: ScoreParams) -> ScoreFunction:
            scene = _read_token_logits(bundle, encoded, texts[TEXT], outputs[0])
            found = finding.found(scene)
            asked = select_entities(scene, request.target, found, finding.grouping)
            if len(asked) > (most := finding.most(len(encoded.features))):
                run.notices.append(
                    f"Of {len(asked):,} entities the {most:,} most probable are explained. {OTHER_ENTITIES}"
                )
                likely = sorted(asked, key=lambda entity: -entity.probability)[:most]
                asked = [entity for entity in asked if entity in likely]
            pairs = pair_with_foil(scene, asked, request.target.foil)
            targets = tuple(_make_target(entity, foil) for entity, foil in pairs)

            def read(outputs: Sequence[Any]) -> Tensor:
                return torch.stack(
                    [_compute_score(outputs[0].logits, *pair, reading) for pair in pairs], dim=1
                )  # (B, T)

            unit = name_unit(reading.unit, "softmax", None if request.target.foil is None else 0)
            return ScoreFunction(targets, _make_prediction(found), unit, read)

        return make_text_problem(bundle, request, run, [encoded], ask)

    def predict(self, bundle: Bundle, request: Request) -> Prediction:
        texts = self.texts(request)
        encoded = encode(bundle, texts)
        with torch.no_grad():
            output = bundle.model(**encoded.inputs)
        return _make_prediction(
            read_params(EntityParams, request.options).found(_read_token_logits(bundle, encoded, texts[TEXT], output))
        )

    def make_answer_check(self, bundle: Bundle, request: Request, run: Run, place: int | None = None) -> AnswerCheck:
        texts, finding = self.texts(request), read_params(EntityParams, request.options)
        encoded = encode(bundle, texts)

        def judge(outputs: Sequence[Any]) -> Judgement:
            scene = _read_token_logits(bundle, encoded, texts[TEXT], outputs[0])
            return _judge_entity(scene, finding, request.target, place)

        return AnswerCheck((encoded,), judge)


def _judge_entity(scene: TokenLogits, finding: EntityParams, wanted: Target, place: int | None) -> Judgement:
    """Whether the words at a place, or else the likeliest entity asked about, are an entity of the wanted class."""
    found = finding.found(scene)
    if place is None:
        likeliest = max(select_entities(scene, wanted, found, finding.grouping), key=lambda entity: entity.probability)
        wanted, place = _make_target(likeliest), scene.tokens[likeliest.first].start or 0
    end, label = place + len(wanted.text or ""), wanted.label or ""
    level: Level = "word" if finding.grouping in ("entity", "word") else "token"
    inside = [piece for piece in scene.entities(level, ()) if place <= (scene.tokens[piece.first].start or 0) < end]
    counted, classes = tuple(piece.first for piece in inside), tuple(piece.classes[0] for piece in inside)
    asked = scene.as_class(Entity(label, counted[0], inside[-1].last, counted, classes, wanted.text or ""), label)
    there = next((entity for entity in found if (scene.tokens[entity.first].start or 0) == place), None)
    met = there is not None and there.text == wanted.text and scene.goes_by(there, label)
    says = "no entity of its own" if there is None else there.label
    if there is not None and there.text != wanted.text:
        says = f"{there.label} for {there.text!r}"
    return Judgement(replace(_make_target(asked), label=label), says, asked.probability, met, ((place, end),))


def _split_commas(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _read_token_logits(bundle: Bundle, encoded: Encoded, text: str, output: Any) -> TokenLogits:
    logits = getattr(output, "logits", None)
    if logits is None or logits.shape[:-1] != (1, len(encoded.features)):
        raise Incompatible(f"{bundle.card.label} gives no class to each token: it was made for another task.")
    return TokenLogits(text, encoded.features, logits, read_labels(bundle.model))


def _make_prediction(found: Sequence[Entity]) -> Prediction:
    return Prediction(tuple(_make_target(entity) for entity in sorted(found, key=lambda entity: -entity.probability)))


def _make_target(entity: Entity, foil: Entity | None = None) -> Target:
    return Target(
        label=entity.label,
        index=entity.classes[0],
        position=entity.first,
        foil=foil.label if foil else None,
        probability=entity.probability,
        text=entity.text,
    )


def _compute_score(logits: Tensor, entity: Entity, foil: Entity | None, reading: ScoreParams) -> Tensor:
    own = score_entity(logits, entity.counted, entity.classes, reading.unit)
    return own if foil is None else own - score_entity(logits, foil.counted, foil.classes, reading.unit)
