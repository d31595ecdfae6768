"""Zero-shot labels as hypotheses of natural language inference, scored as in transformers' zero-shot pipeline."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Annotated, Literal

from torch import Tensor

from ..errors import BadRequest, Incompatible, LimitReached
from ..models.loading import Bundle, read_labels
from ..request import Target
from ..results.explanation import Prediction
from ..settings import settings
from ._scores import Unit, compute_score, rank_targets

SPECIFICATION = re.compile(r"[^{}]{0,2}[<>^]?\d{0,2}s?")  # of a place: a large width would make a huge text


@dataclass(frozen=True, kw_only=True)
class NliParams:
    """The settings that turn the model's outputs for the hypotheses into probabilities of the labels."""

    multi_label: Annotated[bool, "Judge each label independently: several labels can be true, or none."] = False
    hypothesis: Annotated[
        Literal["hidden", "shown"], "Whether the words of the sentence for each label are explained too."
    ] = "hidden"
    entailment: Annotated[
        str, "The model's class that means yes (entailment): the beginning of its name, or its number."
    ] = "entail"


@dataclass(frozen=True)
class NliClasses:
    """The indices of the classes entailment and contradiction; and whether each label is judged independently.

    Contradiction is -1 for the last class.
    """

    entailment: int
    contradiction: int
    multi_label: bool

    def check_head(self, count: int) -> None:
        """Raise Incompatible if a head of `count` classes does not have that of entailment."""
        if self.entailment >= count:
            raise Incompatible(
                f"The model's head has {count} classes, so there is no class {self.entailment} for entailment. Name "
                "another in the setting Entailment, or choose another model."
            )

    def compute_score(self, logits: Tensor, label: int, unit: Unit, foil: int | None = None) -> Tensor:
        """Return the score (B,) of a label from logits (B, N, C) for N labels, minus that of a foil."""
        if not self.multi_label:
            return compute_score(logits[:, :, self.entailment], label, unit, "softmax", foil)
        score = compute_score(logits[:, label, [self.contradiction, self.entailment]], 1, unit, "softmax")
        return score if foil is None else score - self.compute_score(logits, foil, unit)

    def make_prediction(self, logits: Tensor, labels: tuple[str, ...]) -> Prediction:
        """Return every label with its probability, best first, from logits (1, N, C)."""
        return rank_targets(
            Target(label, i, probability=float(self.compute_score(logits, i, "probability")))
            for i, label in enumerate(labels)
        )


def find_classes(bundle: Bundle, params: NliParams, count: int) -> NliClasses:
    """Find entailment and contradiction among the model's classes. A single label is judged independently.

    As in the pipeline, contradiction is the first class, or the last one if the first is entailment, whatever their
    names. Raises Incompatible if there is no entailment.
    """
    entailment = _find_entailment(bundle, params.entailment)
    contradiction = -1 if entailment == 0 else 0
    return NliClasses(entailment, contradiction, params.multi_label or count == 1)


def _find_entailment(bundle: Bundle, wanted: str) -> int:
    names, number = read_labels(bundle.model), wanted.isascii() and wanted.isdigit()
    if number and int(wanted) >= len(names):
        names = bundle.labels  # the head may have more classes than the config names
    indices = [i for i, name in enumerate(names) if wanted and name.casefold().startswith(wanted.casefold())]
    if not indices and number and int(wanted) < len(names):
        indices = [int(wanted)]
    if len(names) < 2 or not indices:
        raise Incompatible(
            f"{bundle.card.label} has no class for entailment with the name {wanted[:40]!r}. Its classes: "
            f"{', '.join(names[:30])}. Name the one that means yes in the setting Entailment, or choose another model."
        )
    return indices[0]


def format_labels(labels: Sequence[str]) -> str:
    """Return labels as the input that `parse_labels` reads: separated by commas, or else as a JSON list."""
    typed = ", ".join(labels)
    plain = tuple(part.strip() for part in typed.split(",")) == tuple(labels) and len(set(labels)) == len(labels)
    return (
        typed if plain and _read_list(typed) is None and all(labels) else json.dumps(list(labels), ensure_ascii=False)
    )


def parse_labels(typed: str) -> tuple[str, ...]:
    """Split labels at commas, or read a JSON list of labels as they are, with commas, spaces and duplicates.

    Raises an error if there are no labels or too many, and for duplicates among labels separated by commas.
    """
    listed = _read_list(typed)
    labels = tuple(label for part in typed.split(",") if (label := part.strip())) if listed is None else listed
    most = settings().labels
    if not labels:
        raise BadRequest("There are no labels. Type some, separated by commas.")
    if len(labels) > most:
        raise LimitReached(f"There are {len(labels)} labels, and at most {most} are allowed. Remove some.")
    if listed is None and (duplicate := next((label for label in labels if labels.count(label) > 1), None)):
        raise BadRequest(f"The label {duplicate[:60]!r} is there twice. Remove one of them.")
    return labels


def _read_list(typed: str) -> tuple[str, ...] | None:
    """Return the labels of a JSON list, None for any other text."""
    try:
        labels = json.loads(typed) if typed.lstrip().startswith("[") else None
    except (ValueError, RecursionError):
        return None
    return tuple(labels) if isinstance(labels, list) and all(isinstance(label, str) for label in labels) else None


def make_hypotheses(labels: tuple[str, ...], template: str) -> dict[str, str]:
    """Return the hypothesis for each label, by the field that shows it: the template, formatted as by `str.format`.

    Raises BadRequest if the template has no place for the label, or another one that `str.format` could not fill.
    """
    try:
        places = [(name, width or "") for _, name, width, _ in Formatter().parse(template) if name is not None]
    except ValueError:  # a brace without its partner
        places = []
    names = [name for name, _ in places]
    if names not in ([""], ["0"] * max(1, len(names))) or not all(
        SPECIFICATION.fullmatch(width) for _, width in places
    ):
        raise BadRequest(
            f"The template {template[:60]!r} needs one {{}} where the label goes; write {{{{ and }}}} for other braces."
        )
    return {f"hypothesis {i}": template.format(label) for i, label in enumerate(labels, 1)}


def check_length(bundle: Bundle, hypotheses: Mapping[str, str]) -> None:
    """Raise LimitReached for a hypothesis that leaves no room for the text."""
    limit = bundle.embeddings.longest - bundle.tokenizer.num_special_tokens_to_add(pair=True)
    for sentence in hypotheses.values():
        length = len(bundle.tokenizer(sentence, add_special_tokens=False)["input_ids"])
        if length >= limit:
            raise LimitReached(
                f"The label in {sentence[:40]!r}… makes a sentence of {length} tokens, and the model reads at most "
                f"{bundle.embeddings.longest} tokens including the text. Shorten the label."
            )
