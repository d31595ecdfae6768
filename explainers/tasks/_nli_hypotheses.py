"""Labels that a person types, turned into sentences that a model of textual entailment judges.

Everything is as in the zero-shot-classification pipeline of transformers. Knows no method and no page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from torch import Tensor

from ..errors import BadRequest, Incompatible, LimitReached
from ..models.loading import Bundle, read_labels
from ..request import Target
from ..results.explanation import Prediction
from ._scores import Unit, compute_score

MAX_LABELS = 12  # labels: each is a whole pass of the model over the text


@dataclass(frozen=True, kw_only=True)
class NliParams:
    """How the model's verdicts on the sentences become probabilities of the labels."""

    multi_label: Annotated[bool, "Judge each label by itself: several may be right, or none."] = False
    hypothesis: Annotated[
        Literal["hidden", "shown"], "Whether the words of the sentence made of a label are explained too."
    ] = "hidden"
    entailment: Annotated[str, "The model's class that means yes: the beginning of its name, or its number."] = "entail"


@dataclass(frozen=True)
class NliClasses:
    """Which of a model's classes mean yes and no, and whether each label is judged by itself."""

    yes: int
    no: int
    alone: bool

    def number(self, logits: Tensor, label: int, unit: Unit, foil: int | None = None) -> Tensor:
        """The number explained of a label, (B,), of outputs (B, N, C) for N labels; minus that of a foil."""
        if not self.alone:
            return compute_score(logits[:, :, self.yes], label, unit, "softmax", foil)
        number = compute_score(logits[:, label, [self.no, self.yes]], 1, unit, "softmax")
        return number if foil is None else number - self.number(logits, foil, unit)

    def prediction(self, logits: Tensor, names: tuple[str, ...]) -> Prediction:
        """Every label with its probability, best first, of outputs (1, N, C)."""
        shown = [float(self.number(logits, i, "probability")) for i in range(len(names))]
        targets = [Target(name, i, probability=shown[i]) for i, name in enumerate(names)]
        return Prediction(tuple(sorted(targets, key=lambda target: -(target.probability or 0.0))))


def find_classes(bundle: Bundle, judging: NliParams, count: int) -> NliClasses:
    """Yes and no among the model's classes. A label alone is judged by itself. Raises Incompatible if there is no yes.

    The pipeline takes the first class for no, or the last if the first means yes, whatever they are called.
    """
    yes = _find_entailment(bundle, judging.entailment)
    no = bundle.model.config.num_labels - 1 if yes == 0 else 0
    return NliClasses(yes, no, judging.multi_label or count == 1)


def _find_entailment(bundle: Bundle, wanted: str) -> int:
    names = read_labels(bundle.model)
    found = [i for i, name in enumerate(names) if wanted and name.casefold().startswith(wanted.casefold())]
    if not found and wanted.isascii() and wanted.isdigit() and int(wanted) < len(names):
        found = [int(wanted)]
    if len(names) < 2 or not found:
        raise Incompatible(
            f"{bundle.card.label} has no class for entailment that is called {wanted[:40]!r}. Its classes: "
            f"{', '.join(names[:30])}. Name the one that means yes in the setting Entailment, or choose another model."
        )
    return found[0]


def parse_labels(typed: str) -> tuple[str, ...]:
    """The labels of a list with commas. Raises for none, too many, or one that is there twice."""
    names = tuple(name for part in typed.split(",") if (name := part.strip()))
    if not names:
        raise BadRequest("There are no labels. Type some, with commas between them.")
    if len(names) > MAX_LABELS:
        raise LimitReached(f"There are {len(names)} labels, and at most {MAX_LABELS} are allowed. Leave some out.")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadRequest(f"The label {twice[:60]!r} is there twice. Leave one of them out.")
    return names


def make_hypotheses(names: tuple[str, ...], template: str) -> dict[str, str]:
    """The sentence made of each label, by the field that it is shown in. Raises BadRequest if {} is not there once."""
    rest = template.replace("{}", "", 1)
    if rest == template or "{" in rest or "}" in rest:
        raise BadRequest(f"The template {template[:60]!r} needs one {{}} where the label goes, and no other braces.")
    return {f"hypothesis {i}": template.replace("{}", name) for i, name in enumerate(names, 1)}


def check_length(bundle: Bundle, hypotheses: Mapping[str, str]) -> None:
    """Raises LimitReached for a sentence that leaves the model no room for the text itself."""
    limit = bundle.embeddings.longest - bundle.tokenizer.num_special_tokens_to_add(pair=True)
    for sentence in hypotheses.values():
        length = len(bundle.tokenizer(sentence, add_special_tokens=False)["input_ids"])
        if length >= limit:
            raise LimitReached(
                f"The label in {sentence[:40]!r}… makes a sentence of {length} tokens, and the model reads "
                f"{bundle.embeddings.longest} with the text. Shorten it."
            )
