"""Text classification: one text, one label of several.

Knows no method and no page.
"""

from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..request import Request
from ..results.explanation import Prediction
from ._scores import find_activation
from ._sequence_classification import make_answer_check, make_problem, predict_texts
from .answer_check import AnswerCheck, Attackable
from .base import Example, Field


class TextClassification(Attackable):
    """Which words made the model choose this label?"""

    key = "text_classification"
    label = "Text classification"
    question = "Which words made the model choose this label?"
    fields = (Field("text", "Text", "Type a sentence."),)
    editable = ("text",)
    subject = "prediction"
    examples = tuple(
        Example(label, (("text", text),))
        for label, text in (
            ("Mixed feelings", "A wonderful cast and a clever story, though the middle is far too slowly told."),
            ("Not bad", "Not bad at all: I expected to be bored, and I laughed the whole way home."),
            ("Sarcasm", "Great, another two hours of my life that I will never get back."),
            ("Double negation", "There is nothing here that I did not enjoy."),
            ("Plain praise", "I love you, I like you"),
            ("A bad meal", "The soup was cold, the waiter was rude, and the bill was a joke."),
        )
    )

    def encode(self, bundle: Bundle, request: Request, run: Run) -> Problem:
        texts = self.texts(request)
        return make_problem(bundle, request, run, texts, find_activation(bundle.model.config))

    def predict(self, bundle: Bundle, request: Request) -> Prediction:
        texts = self.texts(request)
        return predict_texts(bundle, texts, find_activation(bundle.model.config))

    def make_answer_check(self, bundle: Bundle, request: Request, run: Run, place: int | None = None) -> AnswerCheck:
        texts = self.texts(request)
        return make_answer_check(bundle, request.target, texts, find_activation(bundle.model.config))
