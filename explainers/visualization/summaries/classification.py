"""The answer in one sentence, made from the result alone, for somebody who does not program."""

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

STANDS_OUT = 2.0  # times the mean strength: below, no piece is named
WORTH_NAMING = 0.15  # of the strongest: below, the other direction is not mentioned


def describe_explanation(explanation: Explanation, row: int = 0, checked: Faithfulness | None = None) -> str:
    """What the model says, what pushes hardest towards it and what away, and whether to trust the map.

    `checked` is what a check of this map found, if there was one.
    """
    parts = (
        _describe_prediction(explanation, row),
        _describe_words(explanation, row),
        describe_doubt(explanation, row, checked),
    )
    return " ".join(part for part in parts if part)


def _describe_prediction(explanation: Explanation, row: int) -> str:
    labels, target = explanation.prediction.targets, explanation.targets[row]
    if explanation.unit.startswith("score"):  # a regression's outputs are no probabilities
        given = next((label for label in labels if label.index == target.index), target)
        said = f"The model gives {_render_class(given)} {format_unsigned(given.probability or 0.0)}."
        if given.label != target.label:  # the other end of its only number
            said += f" Asked about {_render_class(target)}:"
    elif explanation.prediction.text:
        answer = explanation.prediction.text
        said = f"The model answers {bold(answer, 80)}{render_probability(labels[0].probability if labels else None)}."
        if target.text and target.text != answer:
            said += f" Asked about {bold(target.text, 80)}{render_probability(target.probability)}:"
    elif words := list_words(explanation, row):
        best, place = words[0], name_mask(explanation.prediction, target.position)
        said = f"{place}, the model expects {quote_bold(best.label or '')}{render_probability(best.probability)}."
        if target.label != best.label:
            said += f" Asked about {quote_bold(target.label or '')}{render_probability(target.probability)}:"
    elif target.text:
        whether = any((t.label, t.position) == (target.label, target.position) for t in labels)
        verb = "The model takes" if whether else "Asked whether the model takes"
        said = f"{verb} {bold(target.text, 80)} for {_render_class(target)}{render_probability(target.probability)}."
    elif not labels:
        said = ""
    else:
        verb = "gives" if len(labels) == 1 else "says"
        said = f"The model {verb} {_render_class(labels[0])}{render_probability(labels[0].probability)}."
        if (target.index, target.label) != (labels[0].index, labels[0].label):
            said += f" Asked about {_render_class(target)}{render_probability(target.probability)}:"
    if target.foil is not None:
        said += f" Why {_name_goal(explanation, row)} rather than {bold(target.foil)}?"
    return said


def _render_class(target: Target) -> str:
    return bold(name_label(target), 80)


def _name_goal(explanation: Explanation, row: int) -> str:
    """What a positive score pushes towards: a class, or words as something."""
    target = explanation.targets[row]
    if not target.text or target.text == target.label or list_words(explanation, row):
        return _render_class(target)
    return f"{bold(target.text)} as {_render_class(target)}"


def _describe_words(explanation: Explanation, row: int) -> str:
    if explanation.kind == "image":
        return _describe_regions(explanation, row)
    every = rank_segments(explanation, row)
    gap = explanation.targets[row].text if list_words(explanation, row) else None
    pieces = [piece for piece in every if has_content(piece.text) and piece.text.strip() != gap] or every
    if not pieces or not _get_strength(pieces[0]):
        return "No word moves this number."
    mean = math.fsum(map(_get_strength, pieces)) / len(pieces)
    if len(pieces) > 3 and _get_strength(pieces[0]) < STANDS_OUT * mean:
        return "No single word stands out: many share the weight."
    if not explanation.signed:
        return f"{quote_bold(pieces[0].text)} matters most."
    return _describe_directions(pieces, _name_directions(explanation, row))


def _describe_directions(pieces: list[Segment], ways: dict[int, str]) -> str:
    """The strongest piece of either direction, the stronger first; none that is weak beside the other."""
    first = pieces[0]
    other = next((piece for piece in pieces if _get_sign(piece) == -_get_sign(first)), None)
    said = f"{quote_bold(first.text)} pushes hardest {ways[_get_sign(first)]}"
    if other and _get_strength(other) >= WORTH_NAMING * _get_strength(first):
        said += f"; {quote_bold(other.text)} pushes {ways[_get_sign(other)]}"
    return f"{said}."


def _name_directions(explanation: Explanation, row: int) -> dict[int, str]:
    """What positive and negative scores push towards, in words."""
    foil = explanation.targets[row].foil
    if foil is not None:
        return {1: f"towards {_name_goal(explanation, row)}", -1: f"towards {bold(foil)}"}
    return {1: "towards it", -1: "away from it"}


def _describe_regions(explanation: Explanation, row: int) -> str:
    """In which part of a picture most of the push lies, the stronger direction first; none that is weak beside it."""
    values = sum_channels(explanation, row)
    sizes = {sign: float((sign * values).clip(min=0).sum(dtype=float)) for sign in (1, -1)}
    ordered = sorted((sign for sign in sizes if sizes[sign]), key=lambda sign: -sizes[sign])
    if not ordered:
        return "No part of the picture moves this number."
    ways = _name_directions(explanation, row) if explanation.signed else {1: "in either direction"}
    strong = {
        sign: rank_regions(values, sign)[0] for sign in ordered if sizes[sign] >= WORTH_NAMING * sizes[ordered[0]]
    }
    if all(first.share < STANDS_OUT / PARTS for first in strong.values()):
        return "No part of the picture stands out: the push is spread over all of it."
    said = "; ".join(_describe_region(first, ways.get(sign, "away from it")) for sign, first in strong.items())
    return f"{said[:1].upper()}{said[1:]}."


def _describe_region(region: Region, way: str) -> str:
    if region.share < STANDS_OUT / PARTS:
        return f"the push {way} is spread over the whole picture"
    return f"{format_share(region.share)} of the push {way} lies in <strong>{region.name}</strong>"


def _get_sign(piece: Segment) -> int:
    score = piece.score or 0.0
    return (score > 0) - (score < 0)


def _get_strength(piece: Segment) -> float:
    return abs(piece.score or 0.0)
