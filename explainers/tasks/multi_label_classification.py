"""Multi-label classification: one text, and any number of labels that the model finds in it, each by itself.

Knows no method and no page.
"""

from dataclasses import dataclass
from typing import Annotated

from ..errors import Incompatible
from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..registry import Range, params_of, read_params
from ..request import Request
from ..results.explanation import Prediction
from ._sequence_classification import make_answer_check, make_problem, predict_texts
from .answer_check import AnswerCheck, Attackable
from .base import Example, Field
from .tokenization import ScoreParams


@dataclass(frozen=True, kw_only=True)
class MultiLabelParams:
    """How many labels are explained when none is asked for."""

    labels: Annotated[int, Range(1, 1_000), "How many labels are explained, the most probable first."] = 6


class MultiLabelClassification(Attackable):
    """Which words made the model find each of these labels?"""

    key = "multi_label_classification"
    label = "Multi-label classification"
    question = "Which words made the model find each of these labels?"
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
    params = (*params_of(ScoreParams), *params_of(MultiLabelParams))

    def encode(self, bundle: Bundle, request: Request, run: Run) -> Problem:
        check_fit(bundle)
        most = read_params(MultiLabelParams, request.options).labels
        texts = self.texts(request)
        return make_problem(bundle, request, run, texts, "sigmoid", most)

    def predict(self, bundle: Bundle, request: Request) -> Prediction:
        check_fit(bundle)
        return predict_texts(bundle, self.texts(request), "sigmoid")

    def make_answer_check(self, bundle: Bundle, request: Request, run: Run, place: int | None = None) -> AnswerCheck:
        check_fit(bundle)
        return make_answer_check(bundle, request.target, self.texts(request), "sigmoid")


def check_fit(bundle: Bundle) -> None:
    """Raises Incompatible for a model that says that it does anything else than to judge each label by itself."""
    kinds = {"single_label_classification": "chooses one of its labels", "regression": "gives numbers, not labels"}
    if other := kinds.get(bundle.model.config.problem_type):
        raise Incompatible(f"{bundle.card.label} {other}. Explain it as text classification.")
