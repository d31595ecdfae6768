"""Multi-label classification: the model judges each of its labels independently for a text."""

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from ..errors import Incompatible
from ..models.loading import Bundle
from ..registry import Range, list_params
from ..request import ValidRequest
from ._scores import Activation, ScoreFunction
from ._sequence_classification import SequenceClassification, make_score_function
from .base import Example, Field
from .tokenization import ScoreParams


@dataclass(frozen=True, kw_only=True)
class MultiLabelParams:
    """The setting of multi-label classification."""

    labels: Annotated[int, Range(1, 100_000), "Number of labels to explain, most probable first."] = 6


class MultiLabelClassification(SequenceClassification):
    """Which words made the model choose each of these labels?"""

    key = "multi_label_classification"
    label = "Multi-label classification"
    question = "Which words made the model choose each of these labels?"
    fields = (Field("text", "Text", "Type a sentence."),)
    editable = ("text",)
    subject = "target"
    examples = tuple(
        Example(label, (("text", text),))
        for label, text in (
            ("Thanks and relief", "Thank you so much, I was sure that I had lost my passport for good!"),
            ("Anger and sorrow", "I am furious with the airline, and I miss my grandmother's funeral because of it."),
            ("A question", "Wait, does anybody know why the lights went out?"),
            ("Proud and nervous", "My daughter sings on stage tonight; I am proud, and more nervous than she is."),
            ("Backhanded praise", "Wow, you parked it without hitting anything. I am impressed."),
            ("Deadpan", "I love it when my alarm rings on a Sunday. Truly the highlight of my week."),
        )
    )
    params = (*list_params(ScoreParams), *list_params(MultiLabelParams))

    def find_activation(self, bundle: Bundle) -> Activation:
        """Return sigmoid. Raises Incompatible for a model that does not judge each label independently."""
        purposes = {
            "single_label_classification": "chooses one of its labels",
            "regression": "outputs numbers, not labels",
        }
        if purpose := purposes.get(bundle.model.config.problem_type):
            raise Incompatible(f"{bundle.card.label} {purpose}. Explain it as text classification.")
        return "sigmoid"

    def make_score_function(
        self, bundle: Bundle, request: ValidRequest, logits: Tensor, params: ScoreParams
    ) -> ScoreFunction:
        most = request.read(MultiLabelParams).labels
        return make_score_function(bundle, request.target, logits, params, self.find_activation(bundle), most)
