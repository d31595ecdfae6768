"""The command that explains: the words or image regions that moved the model's output."""

import math
from collections.abc import Iterator

from ..engine import explain
from ..export.html import to_html
from ..export.serialize import HEAD, make_rows, to_json
from ..results.explanation import Explanation
from ..visualization.renderers import find_renderer
from ..visualization.text.escape import strip_markup
from ..visualization.text.format import format_number, name_target
from .command import Command

MOST_WORDS = 10  # listed on a terminal


def summarize(explanation: Explanation) -> str:
    """Summarise the explanation in one sentence."""
    return strip_markup(find_renderer(explanation).lead(explanation, 0, None))


def list_details(explanation: Explanation) -> Iterator[str]:
    """List the words with the largest scores for each target."""
    words = explanation.by_word()
    for row, target in enumerate(() if explanation.kind == "image" else words.targets):
        if len(words.targets) > 1:
            yield f"{name_target(target)}:"
        scored = [(text, score) for text, score in words.pairs(row) if score and not math.isnan(score)]
        for text, score in sorted(scored, key=lambda pair: -abs(pair[1]))[:MOST_WORDS]:
            yield f"{format_number(score):>9}  {text}"


EXPLAIN = Command(
    name="explain",
    help="Show which words or image regions moved the model's output.",
    run=lambda request, options, progress: explain(request, progress=progress),
    summarize=summarize,
    list_details=list_details,
    to_json=to_json,
    to_html=to_html,
    header=HEAD,
    to_rows=make_rows,
)
