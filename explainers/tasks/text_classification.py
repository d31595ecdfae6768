"""Text classification: one text, one label of several.

Knows no method and no page.
"""

from ..classification import hearing, prediction, problem
from ..data import Prediction
from ..hearing import Attackable, Hearing
from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..readout import activation
from ..request import Request
from ..task import Example, Field


class TextClassification(Attackable):
    """Which words made the model choose this label?"""

    key = "text_classification"
    label = "Text classification"
    question = "Which words made the model choose this label?"
    fields = (Field("text", "Text", "Type a sentence."),)
    editable = ("text",)
    subject = "said"
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
        return problem(bundle, request, run, texts, activation(bundle.model.config))

    def predict(self, bundle: Bundle, request: Request) -> Prediction:
        texts = self.texts(request)
        return prediction(bundle, texts, activation(bundle.model.config))

    def hearing(self, bundle: Bundle, request: Request, run: Run, place: int | None = None) -> Hearing:
        texts = self.texts(request)
        return hearing(bundle, request.target, texts, activation(bundle.model.config))
