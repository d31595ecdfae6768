"""Which written token tells most, and what it was made from, in words for somebody who does not program."""

import numpy as np

from ...inputs.text import has_content
from ...results.explanation import Explanation
from ..html import bold, quote_bold, render_probability
from .doubt import describe_doubts

WORTH_NAMING = 0.5  # of the strongest: below, no second piece is named


def find_strongest_row(explanation: Explanation) -> int:
    """The row that stands out most: the strongest push of one piece that speaks, for a token that speaks."""
    speaking = np.array([has_content(f.text) and not f.special for f in explanation.features], bool)
    scores = np.nan_to_num(explanation.scores)  # (T, F)
    sizes = scores.clip(min=0) if explanation.signed and (scores > 0).any() else np.abs(scores)
    if not explanation.additive:  # rows have no unit in common
        sizes = sizes / np.maximum(sizes.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    for row, target in enumerate(explanation.targets):
        if target.position is not None:  # what the end of a word owes to its beginning
            sizes[row, target.position] = 0.0
    best = np.where(speaking, sizes, 0.0).max(axis=1, initial=0.0)
    own = [speaking[t.position] if t.position is not None else True for t in explanation.targets]
    ranked = np.where(own, best, -1.0) if any(own) else best
    return int(ranked.argmax()) if len(ranked) else 0


def list_sources(explanation: Explanation, row: int, most: int = 3) -> list[tuple[int, float]]:
    """The features that a target owes most to, strongest first, with their scores; silent ones only if none speaks.

    Never itself: what the end of a word owes to its beginning says nothing.
    """
    scores, own = np.nan_to_num(explanation.scores[row]), explanation.targets[row].position
    order = [int(i) for i in np.argsort(-np.abs(scores), kind="stable") if scores[i] and i != own]
    loud = [i for i in order if has_content(explanation.features[i].text) and not explanation.features[i].special]
    return [(i, float(scores[i])) for i in (loud or order)[:most]]


def describe_generation(explanation: Explanation) -> str:
    """The lead sentence of a generation: its most telling token, and what that was made from. HTML."""
    if not explanation.targets:
        return "There is no written token to explain."
    row = find_strongest_row(explanation)
    target, found = explanation.targets[row], list_sources(explanation, row, len(explanation.features))
    own = explanation.features[target.position].text if target.position is not None else target.label or ""
    given = explanation.request.texts.get(list(explanation.source_texts)[-1], "").strip()
    start = "Of this text, the model expects" if given else "The model wrote"
    said = f"{start} {bold(own)}{render_probability(target.probability)}"
    if target.foil is not None:
        said += f" rather than {bold(target.foil)}"
    because = (
        f" {_describe_sources(explanation, row, found)}." if found else "; nothing that it read moves this number."
    )
    return " ".join(
        part for part in (said + because, _describe_colours(explanation), describe_doubts(explanation)) if part
    )


def _describe_colours(explanation: Explanation) -> str:
    """What the colours mean where written tokens are compared with others."""
    if all(target.foil is None for target in explanation.targets):
        return ""
    return "Blue pushed towards what is written, orange towards what it is compared with."


def _describe_sources(explanation: Explanation, row: int, found: list[tuple[int, float]]) -> str:
    """What pushed towards a token, the strongest first, and what against it."""
    if not explanation.signed:
        return f"with most weight on {_quote_features(explanation, _select_strong(found, found[0][1])[:2])}"
    pushing = [(place, score) for place, score in found if score > 0]
    towards = _select_strong(pushing, pushing[0][1])[:2] if pushing else []
    away = _select_strong([(place, score) for place, score in found if score < 0], found[0][1])[:1]
    against = f"against the push of {_quote_features(explanation, away)}" if away else ""
    mostly = f"mostly because of {_quote_features(explanation, towards)}" if towards else ""
    return ", ".join(part for part in (mostly, against) if part)


def _select_strong(found: list[tuple[int, float]], strongest: float) -> list[int]:
    """The places whose scores are not much smaller than the strongest."""
    return [place for place, score in found if abs(score) >= WORTH_NAMING * abs(strongest)]


def _quote_features(explanation: Explanation, places: list[int]) -> str:
    return join_words([explanation.features[place].text for place in places])


def join_words(words: list[str]) -> str:
    """Words in quotes, with an “and” between them. HTML."""
    return " and ".join(quote_bold(word) for word in words)
