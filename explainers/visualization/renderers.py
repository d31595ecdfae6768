"""How each kind of explanation is shown: one row of RENDERERS a kind."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..results.explanation import Explanation, Kind
from ..results.faithfulness import Faithfulness
from ..results.granularity import Grouping, aggregate
from .html import render_details, render_table
from .image.html import list_regions, render_views
from .summaries.classification import describe_explanation
from .summaries.generation import describe_generation, find_strongest_row
from .summaries.score_table import list_scores
from .text.escape import escape
from .text.generation_html import POLICY, render_script, render_sources, render_view
from .text.spans import render_spans

Lead = Callable[[Explanation, int, Faithfulness | None], str]
View = Callable[[Explanation, int], str]


@dataclass(frozen=True)
class Renderer:
    """How one kind is shown; all HTML.

    `lead` is the sentence that sums up a target's map, given the explanation by tokens and what a check of it found.
    A page shows the targets of `rows`, each with its map and with every score of it, both given the explanation by
    words, which `by_word` makes; `policy` is what such a page may load, `script` what it runs.
    """

    lead: Lead
    map: View
    scores: View
    by_word: Callable[[Explanation], Explanation] = Explanation.by_word
    rows: Callable[[Explanation], Sequence[int]] = lambda explanation: range(len(explanation.targets))
    policy: str = ""
    script: str = ""


def find_renderer(explanation: Explanation) -> Renderer:
    """The renderer of an explanation's kind."""
    return RENDERERS[explanation.kind]


def _describe_words(explanation: Explanation, row: int, checked: Faithfulness | None = None) -> str:
    return describe_explanation(explanation.by_word(), row, checked)


def _group_words(explanation: Explanation) -> Explanation:
    return aggregate(explanation, Grouping("word"))


def _render_scores(cells: Iterable[dict[str, str | float | int]]) -> str:
    """Every score of a map as a table that opens at a click."""
    lines = (
        (
            f"<bdi>{escape(str(cell['text']))}</bdi>",
            f"{cell['score']:+.6f}" + (f" ± {cell['spread']:.6f}" if "spread" in cell else ""),
            f"{100 * float(cell['share']):.1f} %",
        )
        for cell in cells
    )
    return render_details("Every score", render_table(lines, ("Text", "Score", "Share")))


RENDERERS: dict[Kind, Renderer] = {
    "text": Renderer(_describe_words, render_spans, lambda shown, row: _render_scores(list_scores(shown, row))),
    "image": Renderer(
        _describe_words,
        render_views,
        lambda shown, row: _render_scores(list_regions(shown, row)),
        policy="img-src data:; ",
    ),
    "generation": Renderer(
        lead=lambda explanation, row, checked: describe_generation(_group_words(explanation)),
        map=lambda shown, row: render_view(shown),
        scores=lambda shown, row: f"<h2>Every written word</h2>{render_sources(shown)}",
        by_word=_group_words,
        rows=lambda explanation: [find_strongest_row(explanation)],
        policy=POLICY,
        script=render_script(),
    ),
}
