"""Which generated tokens depend on the context: a sentence, the text with these tokens marked, and rows."""

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
    """Describe how many generated tokens depend on the context, and on which words of it: (row, words) each. HTML."""
    count = len(explanation.targets)
    if not cues:
        return f"None of the {count} generated tokens stands out: the context hardly changes their probabilities."
    verb = "depends" if len(cues) == 1 else "depend"
    lead = f"<strong>{len(cues)}</strong> of {count} generated tokens {verb} on the context"
    parts = [
        f"{join_words([name_word(explanation, row)])} on {join_words(words[:2])}" for row, words in cues[:3] if words
    ]
    return f"{lead}: {'; '.join(parts)}." if parts else f"{lead}, but on no single part of it."


def render_marked(explanation: Explanation, rows: list[int], prefix: str = "") -> str:
    """Render the generated text with the tokens of these rows framed, after the given `prefix`, faded. HTML."""
    spans = sorted(
        (f.start, f.end)
        for row in rows
        if (f := explanation.features[explanation.targets[row].position or 0]).start is not None and f.end is not None
    )
    text, parts, place = explanation.prediction.text, [], 0
    for start, end in spans:
        if start >= place:
            parts += [escape(text[place:start]), f'<span class="wf-c-on">{escape(text[start:end])}</span>']
            place = end
    lead = f'<span class="wf-c-begun">{escape(prefix)}</span>' if prefix else ""
    return f'<div class="wf-c-text" dir="auto">{lead}{"".join(parts)}{escape(text[place:])}</div>'


def render_plain(text: str) -> str:
    """Render a text with nothing marked, or a note that it is empty. HTML."""
    shown = escape(text) if text.strip() else "<em>nothing: the model ends its text at once</em>"
    return f'<div class="wf-c-text" dir="auto">{shown}</div>'


def name_word(explanation: Explanation, row: int) -> str:
    """Return the word that the token of a row is a part of."""
    return list_words(explanation, [explanation.targets[row].position or 0])[0]


def list_words(explanation: Explanation, places: list[int]) -> list[str]:
    """List the words that these features are parts of, each once."""
    keys = list_word_keys(explanation.features)
    parts = {keys[i]: [f for f, key in zip(explanation.features, keys, strict=True) if key == keys[i]] for i in places}
    return [join_features(features, explanation.source_texts).text for features in parts.values()]


def list_rows(
    explanation: Explanation, values: Numbers, cues: list[tuple[int, str | None, list[str]]]
) -> list[dict[str, str | float]]:
    """List one row per token that depends on the context: how much, the token without it, and the words it uses."""
    return [
        {
            "generated": name_word(explanation, row),
            "measure": float(np.float32(values[row])),
            "without the context": instead if instead is not None else "the same",
            "depends on": ", ".join(shorten(word, 30) for word in words) or "no single part",
        }
        for row, instead, words in cues
    ]
