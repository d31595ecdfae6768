"""What of a written text depends on its context, in a sentence, in the text and in rows."""

import numpy as np

from ...results.explanation import Explanation, Numbers
from ...results.granularity import join_features, list_word_keys
from ..text.escape import escape
from ..text.format import shorten
from .generation import join_words

CSS = """
.wf-c-text { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 2; font-size: 1.1rem; max-width: 48rem; }
.wf-c-on { outline: .12em solid currentColor; outline-offset: .05em; border-radius: .2em; font-weight: 600; }
.wf-c-begun { opacity: .7; }
"""


def describe_reliance(explanation: Explanation, cues: list[tuple[int, list[str]]]) -> str:
    """How many written tokens depend on the context, and on what in it: (row, words) each. HTML."""
    count = len(explanation.targets)
    if not cues:
        return f"None of the {count} written tokens stands out: the context changes little of what is written here."
    verb = "depends" if len(cues) == 1 else "depend"
    lead = f"<strong>{len(cues)}</strong> of {count} written tokens {verb} on the context"
    parts = [
        f"{join_words([name_word(explanation, row)])} on {join_words(words[:2])}" for row, words in cues[:3] if words
    ]
    return f"{lead}: {'; '.join(parts)}." if parts else f"{lead}, but on no single part of it."


def render_marked(explanation: Explanation, rows: list[int], begun: str = "") -> str:
    """The written text with the tokens of these rows framed, after the words that it had to begin with, faded. HTML."""
    features = sorted(
        (f.start, f.end)
        for row in rows
        if (f := explanation.features[explanation.targets[row].position or 0]).start is not None and f.end is not None
    )
    text, parts, place = explanation.prediction.text, [], 0
    for start, end in features:
        if start >= place:
            parts += [escape(text[place:start]), f'<span class="wf-c-on">{escape(text[start:end])}</span>']
            place = end
    lead = f'<span class="wf-c-begun">{escape(begun)}</span>' if begun else ""
    return f'<div class="wf-c-text" dir="auto">{lead}{"".join(parts)}{escape(text[place:])}</div>'


def render_plain(text: str) -> str:
    """A text with nothing marked, or that there is none. HTML."""
    shown = escape(text) if text.strip() else "<em>nothing: the model ends its text at once</em>"
    return f'<div class="wf-c-text" dir="auto">{shown}</div>'


def name_word(explanation: Explanation, row: int) -> str:
    """The word that a written token is a part of."""
    return list_words(explanation, [explanation.targets[row].position or 0])[0]


def list_words(explanation: Explanation, places: list[int]) -> list[str]:
    """The words that these features are parts of, each once."""
    keys = list_word_keys(explanation.features)
    parts = {keys[i]: [f for f, key in zip(explanation.features, keys, strict=True) if key == keys[i]] for i in places}
    return [join_features(features, explanation.source_texts).text for features in parts.values()]


def list_rows(
    explanation: Explanation, values: Numbers, cues: list[tuple[int, str | None, list[str]]]
) -> list[dict[str, str | float]]:
    """One row a token that depends on the context: how far, what would have stood there, and what it comes from."""
    return [
        {
            "written": name_word(explanation, row),
            "measure": float(np.float32(values[row])),
            "without the context": instead if instead is not None else "the same",
            "comes from": ", ".join(shorten(word, 30) for word in words) or "no single part",
        }
        for row, instead, words in cues
    ]
