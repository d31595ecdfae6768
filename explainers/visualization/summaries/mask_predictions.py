"""The gaps of a text: places that a model told several words for, and what it expects there."""

from ...request import Target
from ...results.explanation import Explanation, Prediction
from ..html import bold, quote, render_note
from ..text.escape import escape
from ..text.format import format_probability

ORDER = ("first", "second", "third", "fourth", "fifth")


def list_masks(prediction: Prediction) -> list[list[Target]]:
    """The words for each gap, the gaps as they stand in the text and the likeliest word first; none if there is no gap.

    Where a model finds names there is one answer for each place, and no gap.
    """
    places: dict[int, list[Target]] = {}
    for target in prediction.targets:
        if target.position is not None and target.text:
            places.setdefault(target.position, []).append(target)
    words = [places[place] for place in sorted(places)]
    return words if all(len(there) > 1 for there in words) else []


def list_words(explanation: Explanation, row: int) -> list[Target]:
    """The words for the gap that a map is about, the likeliest first; none if it is about no gap."""
    place = explanation.targets[row].position
    return next((there for there in list_masks(explanation.prediction) if there[0].position == place), [])


def name_mask(prediction: Prediction, place: int | None) -> str:
    """Which gap it is, in words."""
    found = list_masks(prediction)
    which = next((i for i, there in enumerate(found) if there[0].position == place), 0)
    mask = bold(found[which][0].text or "")
    return f"Where the {ORDER[which]} {mask} stands" if 1 < len(found) <= len(ORDER) else f"Where {mask} stands"


def render_words(explanation: Explanation, row: int) -> str:
    """The likeliest words for the gap with their probabilities, as HTML; nothing if the map is about no gap."""
    words = list_words(explanation, row)
    told = ", ".join(f"{quote(str(word.label))}&nbsp;{_format_share(word)}" for word in words)
    return render_note(f"Likeliest there: {told}.") if words else ""


def _format_share(word: Target) -> str:
    return escape(format_probability(word.probability or 0.0)).replace(" ", "&nbsp;")
