"""How each kind of explanation is rendered: RENDERERS has one entry per kind."""

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
    """The functions that render one kind of explanation as HTML.

    `lead` summarises the explanation of a target, given the explanation by token and its faithfulness, if tested.
    A page shows the targets of `rows`, each with its `map` (the coloured text or image) and its `scores`; both take
    the explanation by word, which `by_word` makes. `policy` lists what the page may load, `script` what it runs.
    """

    lead: Lead
    map: View
    scores: View
    by_word: Callable[[Explanation], Explanation] = Explanation.by_word
    rows: Callable[[Explanation], Sequence[int]] = lambda explanation: range(len(explanation.targets))
    policy: str = ""
    script: str = ""


def find_renderer(explanation: Explanation) -> Renderer:
    """Return the renderer for an explanation's kind."""
    return RENDERERS[explanation.kind]


def _describe_words(explanation: Explanation, row: int, checked: Faithfulness | None = None) -> str:
    return describe_explanation(explanation.by_word(), row, checked)


def _group_words(explanation: Explanation) -> Explanation:
    return aggregate(explanation, Grouping("word"))


def _render_scores(cells: Iterable[dict[str, str | float | int]]) -> str:
    """Render all scores as a table that opens on a click."""
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
        scores=lambda shown, row: f"<h2>Every generated word</h2>{render_sources(shown)}",
        by_word=_group_words,
        rows=lambda explanation: [find_strongest_row(explanation)],
        policy=POLICY,
        script=render_script(),
    ),
}
