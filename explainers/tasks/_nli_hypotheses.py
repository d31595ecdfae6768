"""Zero-shot labels as hypotheses of natural language inference, scored as in transformers' zero-shot pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from torch import Tensor

from ..errors import BadRequest, Incompatible, LimitReached
from ..models.loading import Bundle, read_labels
from ..request import Target
from ..results.explanation import Prediction
from ._scores import Unit, compute_score, rank_targets

MAX_LABELS = 12  # each needs a forward pass over the text


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


def parse_labels(typed: str) -> tuple[str, ...]:
    """Split labels at commas. Raises an error if there are none, too many, or duplicates."""
    labels = tuple(label for part in typed.split(",") if (label := part.strip()))
    if not labels:
        raise BadRequest("There are no labels. Type some, separated by commas.")
    if len(labels) > MAX_LABELS:
        raise LimitReached(f"There are {len(labels)} labels, and at most {MAX_LABELS} are allowed. Remove some.")
    if duplicate := next((label for label in labels if labels.count(label) > 1), None):
        raise BadRequest(f"The label {duplicate[:60]!r} is there twice. Remove one of them.")
    return labels


def make_hypotheses(labels: tuple[str, ...], template: str) -> dict[str, str]:
    """Return the hypothesis for each label, by the field that shows it.

    Raises BadRequest if the template does not have exactly one {}.
    """
    rest = template.replace("{}", "", 1)
    if rest == template or "{" in rest or "}" in rest:
        raise BadRequest(f"The template {template[:60]!r} needs one {{}} where the label goes, and no other braces.")
    return {f"hypothesis {i}": template.replace("{}", label) for i, label in enumerate(labels, 1)}


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
