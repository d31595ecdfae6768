"""A model's card in words: what it is, and which methods work on it or why they do not.

Knows no loaded model and no Streamlit: plain text, to be escaped where it becomes HTML.
"""

from ..catalogue import Card
from ..method import METHODS, Method
from ..request import Pairs

SOURCES = {
    "bundled": "bundled: its weights come through pip, no model hub is needed",
    "hub": "needs the model hub",
    "folder": "a folder on this machine",
}


def facts(card: Card) -> Pairs:
    """Name and value of what is known of a model."""
    rows = (
        ("Name", card.key),
        ("Task", ", ".join(task.replace("_", " ") for task in card.tasks)),
        ("Labels", ", ".join(card.labels)),
        ("Language", ", ".join(card.languages)),
        ("Memory", f"{card.megabytes} MB" if card.megabytes else ""),
        ("Measured", card.score),
        ("Licence", card.licence),
        ("Revision", card.revision),
        ("Where from", SOURCES[card.source]),
        ("Methods", ", ".join(method.label for method in fitting(card))),
        *((method.label, f"not with this model: it needs {needs}") for method, needs in lacking(card)),
    )
    return tuple((name, value) for name, value in rows if value)


def fitting(card: Card) -> list[Method]:
    """The methods that work on the model."""
    return [method for method in METHODS.values() if method.needs <= card.provides]


def lacking(card: Card) -> list[tuple[Method, str]]:
    """The methods that do not, each with what they need and the model does not give."""
    others = [(method, method.needs - card.provides) for method in METHODS.values()]
    return [(method, ", ".join(sorted(missing))) for method, missing in others if missing]
