"""The prediction and its strongest words or regions for lay readers, in a few sentences made from the result alone."""

import math

from ...inputs.text import has_content
from ...request import Target
from ...results.explanation import Explanation, sum_channels
from ...results.faithfulness import Faithfulness
from ..html import bold, quote_bold, render_probability
from ..image.regions import PARTS, Region, rank_regions
from ..text.format import format_share, format_unsigned, name_label
from ..text.segments import Segment, rank_segments
from .doubt import describe_doubt
from .mask_predictions import list_words, name_mask

STANDS_OUT = 2.0  # times the mean absolute score; below it no word is named
WORTH_NAMING = 0.15  # of the largest absolute score; below it the other direction is not named


def describe_explanation(explanation: Explanation, row: int = 0, checked: Faithfulness | None = None) -> str:
    """Describe the prediction, the strongest scores towards it and away from it, and reasons for doubt. HTML.

    `checked` is the faithfulness of this explanation, if it was tested.
    """
    strongest = (_describe_regions if explanation.kind == "image" else _describe_words)(explanation, row)
    parts = (_describe_prediction(explanation, row), strongest, describe_doubt(explanation, row, checked))
    return " ".join(part for part in parts if part)


def _describe_prediction(explanation: Explanation, row: int) -> str:
    """Describe the prediction, then what is explained if that is something else or has a contrast."""
    labels, target = explanation.prediction.targets, explanation.targets[row]
    explained = f"{_name_goal(explanation, row)}{render_probability(target.probability)}"
    if explanation.unit.startswith("score"):  # the output of a regression, no probability
        given = next((label for label in labels if label.index == target.index), target)
        sentence = f"The model gives {_render_label(given)} {format_unsigned(given.probability or 0.0)}."
        same, explained = given.label == target.label, _render_label(target)  # else the other end of the only number
    elif explanation.prediction.text:
        text = explanation.prediction.text
        sentence = f"The model answers {bold(text, 80)}{render_probability(labels[0].probability if labels else None)}."
        same = not target.text or target.text == text
    elif words := list_words(explanation, row):
        best, mask = words[0], name_mask(explanation.prediction, target.position)
        word = f"{quote_bold(best.label or '')}{render_probability(best.probability)}"
        sentence = f"For {mask}, the model predicts {word}."
        same = target.label == best.label
        explained = f"{quote_bold(target.label or '')}{render_probability(target.probability)}"
    elif target.text:
        same = any((label.label, label.position) == (target.label, target.position) for label in labels)
        sentence = f"The model labels {bold(target.text, 80)} as {_render_label(target)}"
        sentence = f"{sentence}{render_probability(target.probability)}." if same else ""
    elif not labels:
        same, sentence = True, ""
    else:
        verb = "gives" if len(labels) == 1 else "predicts"
        sentence = f"The model {verb} {_render_label(labels[0])}{render_probability(labels[0].probability)}."
        same = (target.index, target.label) == (labels[0].index, labels[0].label)
    if target.foil is not None:
        name = _name_goal(explanation, row) if same else explained
        return f"{sentence} This explains {name} rather than {bold(target.foil)}:".strip()
    return sentence if same else f"{sentence} This explains {explained}:".strip()


def _render_label(target: Target) -> str:
    return bold(name_label(target), 80)


def _name_goal(explanation: Explanation, row: int) -> str:
    """Name what a positive score pushes towards: a label, or a text with its label."""
    target = explanation.targets[row]
    if not target.text or target.text == target.label or list_words(explanation, row):
        return _render_label(target)
    return f"{bold(target.text)} as {_render_label(target)}"


def _describe_words(explanation: Explanation, row: int) -> str:
    every = rank_segments(explanation, row)
    mask = explanation.targets[row].text if list_words(explanation, row) else None
    words = [word for word in every if has_content(word.text) and word.text.strip() != mask] or every
    if not words or not _get_strength(words[0]):
        return "Every word has the score 0."
    mean = math.fsum(map(_get_strength, words)) / len(words)
    if len(words) > 3 and _get_strength(words[0]) < STANDS_OUT * mean:
        return "No single word stands out: many words have similar scores."
    if not explanation.signed:
        return f"{quote_bold(words[0].text)} has the largest score."
    return _describe_directions(words, _name_directions(explanation, row))


def _describe_directions(words: list[Segment], directions: dict[int, str]) -> str:
    """Name the strongest word of each direction, the stronger first; one that is weak beside the other is left out."""
    first = words[0]
    other = next((word for word in words if _get_sign(word) == -_get_sign(first)), None)
    sentence = f"{quote_bold(first.text)} pushes hardest {directions[_get_sign(first)]}"
    if other and _get_strength(other) >= WORTH_NAMING * _get_strength(first):
        sentence += f"; {quote_bold(other.text)} pushes {directions[_get_sign(other)]}"
    return f"{sentence}."


def _name_directions(explanation: Explanation, row: int) -> dict[int, str]:
    """Name what positive and negative scores push towards."""
    foil = explanation.targets[row].foil
    if foil is not None:
        return {1: f"towards {_name_goal(explanation, row)}", -1: f"towards {bold(foil)}"}
    return {1: "towards it", -1: "away from it"}


def _describe_regions(explanation: Explanation, row: int) -> str:
    """Name the region of an image with the largest share of each direction, the stronger direction first."""
    values = sum_channels(explanation, row)
    sizes = {sign: float((sign * values).clip(min=0).sum(dtype=float)) for sign in (1, -1)}
    ordered = sorted((sign for sign in sizes if sizes[sign]), key=lambda sign: -sizes[sign])
    if not ordered:
        return "Every region has the score 0."
    directions = _name_directions(explanation, row) if explanation.signed else {1: "in either direction"}
    strong = {
        sign: rank_regions(values, sign)[0] for sign in ordered if sizes[sign] >= WORTH_NAMING * sizes[ordered[0]]
    }
    if all(first.share < STANDS_OUT / PARTS for first in strong.values()):
        return "No region stands out: the scores are spread over the whole image."
    sentence = "; ".join(
        _describe_region(first, directions.get(sign, "away from it")) for sign, first in strong.items()
    )
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _describe_region(region: Region, direction: str) -> str:
    if region.share < STANDS_OUT / PARTS:
        return f"the push {direction} is spread over the whole image"
    return f"{format_share(region.share)} of the push {direction} lies in <strong>{region.name}</strong>"


def _get_sign(word: Segment) -> int:
    score = word.score or 0.0
    return (score > 0) - (score < 0)


def _get_strength(word: Segment) -> float:
    return abs(word.score or 0.0)
