"""The command that checks a map: does taking away what it calls important move the model, more than random words do?

Knows no file.
"""

import math
from argparse import Namespace
from collections.abc import Iterator

from ..checked_file import to_json
from ..data import Progress
from ..engine import evaluate, explain
from ..export import cell
from ..faithfulness import Faithfulness
from ..request import Request
from ..standalone import page
from ..views.html import lead, styled
from ..views.text import bare, named, number
from ..views.verdict import measures, verdict
from .verb import Verb

HEAD = ("target", "measure", "value", "random", "low", "high", "verdict")


def run(request: Request, asked: Namespace, progress: Progress) -> Faithfulness:
    """Explain the request, and check the map of its first target."""
    return evaluate(explain(request, progress=progress), progress=progress)


def listed(found: Faithfulness) -> Iterator[str]:
    """Each measure, and the mean of random rankings beside it."""
    for measure in found.measures:
        yield f"{number(measure.value):>9}  {measure.label} (random: {number(measure.random)}): {measure.verdict}"


def to_html(found: Faithfulness) -> str:
    """The verdict in a sentence and its measures, as one page."""
    request = found.request
    code = f"from explainers import Request, Target, evaluate, explain\n\nevaluate(explain({request!r}))\n"
    return page(styled(f"<section>{lead(verdict(found))}{measures(found)}</section>"), code)


def lines(found: Faithfulness) -> Iterator[tuple[object, ...]]:
    """The rows of a table under HEAD: one a measure; what is not defined is empty."""
    for measure in found.measures:
        numbers = (measure.value, measure.random, measure.low, measure.high)
        cells = ("" if math.isnan(value) else value for value in numbers)
        yield cell(named(found.target)), measure.label, *cells, measure.verdict


EVALUATE = Verb(
    name="evaluate",
    help="explain, and check the map: what the model says without the words that it calls important",
    run=run,
    said=lambda found: bare(verdict(found)),
    listed=listed,
    json=to_json,
    html=to_html,
    head=HEAD,
    lines=lines,
)
