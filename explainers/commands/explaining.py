"""The command that explains: which words, or which places of a picture, moved the model's number.

Knows no file.
"""

import math
from collections.abc import Iterator

from ..data import Explanation
from ..engine import explain
from ..export import HEAD, lines, to_json
from ..standalone import to_html
from ..views.renderers import render
from ..views.text import bare, named, number
from .verb import Verb

MOST = 10  # words on a terminal


def said(explanation: Explanation) -> str:
    """The answer in one sentence."""
    return bare(render(explanation).lead(explanation, 0, None))


def listed(explanation: Explanation) -> Iterator[str]:
    """The strongest words for each target, with their scores."""
    shown = explanation.by_word()
    for row, target in enumerate(() if explanation.kind == "image" else shown.targets):
        if len(shown.targets) > 1:
            yield f"{named(target)}:"
        seen = [(text, score) for text, score in shown.pairs(row) if score and not math.isnan(score)]
        for text, score in sorted(seen, key=lambda pair: -abs(pair[1]))[:MOST]:
            yield f"{number(score):>9}  {text}"


EXPLAIN = Verb(
    name="explain",
    help="say which words, or which places of a picture, moved the model's number",
    run=lambda request, asked, progress: explain(request, progress=progress),
    said=said,
    listed=listed,
    json=to_json,
    html=to_html,
    head=HEAD,
    lines=lines,
)
