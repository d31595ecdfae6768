"""The command that evaluates: the faithfulness of an explanation, compared with random rankings."""

import math
from collections.abc import Iterator

from ..engine import evaluate, explain
from ..export.faithfulness import to_json
from ..export.html import make_page
from ..export.serialize import escape_cell
from ..progress import Progress
from ..request import Request
from ..results.faithfulness import Faithfulness
from ..visualization.html import add_style, render_lead
from ..visualization.summaries.faithfulness import describe_faithfulness, render_measures
from ..visualization.text.escape import strip_markup
from ..visualization.text.format import format_number, name_target
from .command import Command, Options

HEADER = ("target", "measure", "value", "random", "low", "high", "verdict")


def run(request: Request, options: Options, progress: Progress) -> Faithfulness:
    """Explain the request and evaluate the explanation of its first target."""
    return evaluate(explain(request, progress=progress), progress=progress)


def list_details(result: Faithfulness) -> Iterator[str]:
    """List each measure with the mean of random rankings."""
    for measure in result.measures:
        random = format_number(measure.random)
        yield f"{format_number(measure.value):>9}  {measure.label} (random: {random}): {measure.verdict}"


def to_html(result: Faithfulness) -> str:
    """Render the verdict and the measures as one page."""
    code = f"from explainers import Request, Target, evaluate, explain\n\nevaluate(explain({result.request!r}))\n"
    return make_page(
        add_style(f"<section>{render_lead(describe_faithfulness(result))}{render_measures(result)}</section>"), code
    )


def to_rows(result: Faithfulness) -> Iterator[tuple[object, ...]]:
    """Yield one row per measure under HEADER; a value that is not defined is an empty cell."""
    for measure in result.measures:
        numbers = (measure.value, measure.random, measure.low, measure.high)
        cells = ("" if math.isnan(value) else value for value in numbers)
        yield escape_cell(name_target(result.target)), measure.label, *cells, measure.verdict


EVALUATE = Command(
    name="evaluate",
    help="Explain, then evaluate faithfulness: remove the most important words and compare with random removals.",
    run=run,
    summarize=lambda result: strip_markup(describe_faithfulness(result)),
    list_details=list_details,
    to_json=to_json,
    to_html=to_html,
    header=HEADER,
    to_rows=to_rows,
)
