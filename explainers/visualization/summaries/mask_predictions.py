"""The mask tokens of a text, and the words that a model predicts for each."""

from ...request import Target
from ...results.explanation import Explanation, Prediction
from ..html import bold, quote, render_note
from ..text.escape import escape
from ..text.format import format_probability

ORDER = ("first", "second", "third", "fourth", "fifth")


def list_masks(prediction: Prediction) -> list[list[Target]]:
    """List the words for each mask, in reading order, the most probable first; empty if there is no mask.

    Token classification has one prediction per place, a mask has several.
    """
    places: dict[int, list[Target]] = {}
    for target in prediction.targets:
        if target.position is not None and target.text:
            places.setdefault(target.position, []).append(target)
    words = [places[place] for place in sorted(places)]
    return words if all(len(there) > 1 for there in words) else []


def list_words(explanation: Explanation, row: int) -> list[Target]:
    """List the words for the mask that a target is about, the most probable first; empty if it is about no mask."""
    place = explanation.targets[row].position
    return next((there for there in list_masks(explanation.prediction) if there[0].position == place), [])


def name_mask(prediction: Prediction, place: int | None) -> str:
    """Name the mask at a token: its text, or “the second …” if there are several. HTML."""
    masks = list_masks(prediction)
    which = next((i for i, there in enumerate(masks) if there[0].position == place), 0)
    mask = bold(masks[which][0].text or "")
    return f"the {ORDER[which]} {mask}" if 1 < len(masks) <= len(ORDER) else mask


def render_words(explanation: Explanation, row: int) -> str:
    """Render the most probable words for the mask as HTML; empty if the target is about no mask."""
    words = list_words(explanation, row)
    listed = ", ".join(f"{quote(str(word.label))}&nbsp;{_format_share(word)}" for word in words)
    return render_note(f"Most probable words: {listed}.") if words else ""


def _format_share(word: Target) -> str:
    return escape(format_probability(word.probability or 0.0)).replace(" ", "&nbsp;")
