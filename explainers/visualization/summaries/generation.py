"""The generated token with the strongest attribution, and its sources, for lay readers."""

import numpy as np

from ...inputs.text import has_content
from ...results.explanation import Explanation
from ..html import bold, quote_bold, render_probability
from .doubt import describe_doubts

WORTH_NAMING = 0.5  # of the largest absolute score; below it no second token is named


def find_strongest_row(explanation: Explanation) -> int:
    """Return the row of the generated token with the largest single attribution, without punctuation and specials."""
    content = np.array([has_content(f.text) and not f.special for f in explanation.features], bool)
    scores = np.nan_to_num(explanation.scores)  # (T, F)
    sizes = scores.clip(min=0) if explanation.signed and (scores > 0).any() else np.abs(scores)
    if not explanation.additive:  # the rows have no common unit
        sizes = sizes / np.maximum(sizes.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    for row, target in enumerate(explanation.targets):
        if target.position is not None:  # of the first tokens of a word for its last
            sizes[row, target.position] = 0.0
    best = np.where(content, sizes, 0.0).max(axis=1, initial=0.0)
    own = [content[t.position] if t.position is not None else True for t in explanation.targets]
    ranked = np.where(own, best, -1.0) if any(own) else best
    return int(ranked.argmax()) if len(ranked) else 0


def list_sources(explanation: Explanation, row: int, most: int = 3) -> list[tuple[int, float]]:
    """List the features with the largest absolute scores for a target, as (index, score), without the target itself.

    Punctuation and special tokens are listed only if there is nothing else.
    """
    scores, own = np.nan_to_num(explanation.scores[row]), explanation.targets[row].position
    order = [int(i) for i in np.argsort(-np.abs(scores), kind="stable") if scores[i] and i != own]
    content = [i for i in order if has_content(explanation.features[i].text) and not explanation.features[i].special]
    return [(i, float(scores[i])) for i in (content or order)[:most]]


def describe_generation(explanation: Explanation) -> str:
    """Describe the generated token with the strongest attribution, its sources, and reasons for doubt. HTML."""
    if not explanation.targets:
        return "There is no generated token to explain."
    row = find_strongest_row(explanation)
    target = explanation.targets[row]
    name = explanation.features[target.position].text if target.position is not None else target.label or ""
    given = explanation.request.texts.get(list(explanation.source_texts)[-1], "").strip()
    start = "In this text, the model predicts" if given else "The model generated"
    contrast = "" if target.foil is None else f" rather than {bold(target.foil)}"
    parts = (
        f"{start} {bold(name)}{render_probability(target.probability)}{contrast}.",
        _describe_sources(explanation, row),
        _describe_colours(explanation),
        describe_doubts(explanation),
    )
    return " ".join(part for part in parts if part)


def _describe_colours(explanation: Explanation) -> str:
    """Describe the colours if generated tokens are compared with others."""
    if all(target.foil is None for target in explanation.targets):
        return ""
    return "Blue pushes towards the generated token, orange towards the one that it is compared with."


def _describe_sources(explanation: Explanation, row: int) -> str:
    """Name the tokens that push hardest towards a target, and the one that pushes against it. HTML."""
    sources = list_sources(explanation, row, len(explanation.features))
    if not sources:
        return "Every token before it has the score 0."
    strongest = sources[0][1]
    if not explanation.signed:
        places = _select_strong(sources, strongest)[:2]
        return f"{_quote_features(explanation, places)} {'has' if len(places) == 1 else 'have'} the largest score."
    positive = [(place, score) for place, score in sources if score > 0]
    towards = _select_strong(positive, positive[0][1])[:2] if positive else []
    against = _select_strong([(place, score) for place, score in sources if score < 0], strongest)[:1]
    verb = "pushes" if len(towards) == 1 else "push"
    parts = [f"{_quote_features(explanation, towards)} {verb} hardest towards it"] * bool(towards)
    parts += [f"{_quote_features(explanation, against)} pushes against it"] * bool(against)
    return f"{'; '.join(parts)}."


def _select_strong(sources: list[tuple[int, float]], strongest: float) -> list[int]:
    """Return the features whose scores are not much smaller than `strongest`."""
    return [place for place, score in sources if abs(score) >= WORTH_NAMING * abs(strongest)]


def _quote_features(explanation: Explanation, places: list[int]) -> str:
    return join_words([explanation.features[place].text for place in places])


def join_words(words: list[str]) -> str:
    """Join words in quotation marks with an “and”. HTML."""
    return " and ".join(quote_bold(word) for word in words)
