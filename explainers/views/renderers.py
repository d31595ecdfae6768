"""How each kind of explanation is shown: one row of RENDERERS a kind."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..data import Explanation, Kind
from ..faithfulness import Faithfulness
from ..results.granularity import Grouping, grouped
from .generation_page import POLICY, block, script, sources
from .html import details, table
from .image_page import pictures, places
from .sentence import sentence
from .spans import spans
from .table import rows
from .telling import telling, wrote
from .text import escaped

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


def render(explanation: Explanation) -> Renderer:
    """The renderer of an explanation's kind."""
    return RENDERERS[explanation.kind]


def _sentence(explanation: Explanation, row: int, checked: Faithfulness | None = None) -> str:
    return sentence(explanation.by_word(), row, checked)


def _words(explanation: Explanation) -> Explanation:
    return grouped(explanation, Grouping("word"))


def _scores(cells: Iterable[dict[str, str | float | int]]) -> str:
    """Every score of a map as a table that opens at a click."""
    lines = (
        (
            f"<bdi>{escaped(str(cell['text']))}</bdi>",
            f"{cell['score']:+.6f}" + (f" ± {cell['spread']:.6f}" if "spread" in cell else ""),
            f"{100 * float(cell['share']):.1f} %",
        )
        for cell in cells
    )
    return details("Every score", table(lines, ("Text", "Score", "Share")))


RENDERERS: dict[Kind, Renderer] = {
    "text": Renderer(_sentence, spans, lambda shown, row: _scores(rows(shown, row))),
    "image": Renderer(_sentence, pictures, lambda shown, row: _scores(places(shown, row)), policy="img-src data:; "),
    "generation": Renderer(
        lead=lambda explanation, row, checked: wrote(_words(explanation)),
        map=lambda shown, row: block(shown),
        scores=lambda shown, row: f"<h2>Every written word</h2>{sources(shown)}",
        by_word=_words,
        rows=lambda explanation: [telling(explanation)],
        policy=POLICY,
        script=script(),
    ),
}
