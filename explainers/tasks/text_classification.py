"""Text classification: the model assigns one of its labels to a text."""

from ._sequence_classification import SequenceClassification
from .base import Example, Field


class TextClassification(SequenceClassification):
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
