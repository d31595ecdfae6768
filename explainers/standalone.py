"""Explanations as one HTML file that opens anywhere, offline.

Knows no torch and no Streamlit.
"""

from collections.abc import Mapping

from .data import Explanation
from .results.granularity import Grouping, grouped
from .views.computed import code, computed, table
from .views.generation_page import POLICY, block, script
from .views.generation_page import table as tokens
from .views.image_page import pictures, places
from .views.meter import meter
from .views.sentence import sentence
from .views.spans import spans
from .views.table import rows
from .views.telling import telling, wrote
from .views.text import escaped, named


def to_html(explanation: Explanation, row: int | None = None, true_label: str | None = None) -> str:
    """The explanation by words as one page with no reference to anything outside it: all targets, or one `row`.

    `true_label` is what is right, if the reader knows it. A generation is one result, with a script of ours to point
    at its tokens.
    """
    written = explanation.kind == "generation"
    shown = grouped(explanation, Grouping("word")) if written else explanation.by_word()
    picked = range(len(explanation.targets)) if row is None else [row]
    notes = (*explanation.notices, *([] if true_label is None else [f"True label: {true_label}."]))
    return PAGE.format(
        allowed="img-src data:; " if explanation.grid else POLICY if written else "",
        notices="".join(f"<p class='wf-note'>{escaped(note)}</p>" for note in notes),
        results=_written(explanation, shown)
        if written
        else "".join(_result(explanation, shown, i, headed=len(picked) > 1) for i in picked),
        code=escaped(code(explanation)),
    )


def page(results: str, code: str) -> str:
    """Results that are HTML already, as one page like that of an explanation."""
    return PAGE.format(allowed="", notices="", results=results, code=escaped(code))


def _result(explanation: Explanation, shown: Explanation, row: int, headed: bool) -> str:
    """What is known of one target: the answer, the map, and every number behind it."""
    pictured = explanation.grid is not None
    scores = "".join(
        f"<tr><td><bdi>{escaped(str(cells['text']))}</bdi></td><td>{cells['score']:+.6f}{_moved(cells)}</td>"
        f"<td>{100 * float(cells['share']):.1f} %</td></tr>"
        for cells in (places(shown, row) if pictured else rows(shown, row))
    )
    return RESULT.format(
        heading=f"<h2>{escaped(named(explanation.targets[row]))}</h2>" if headed else "",
        sentence=sentence(shown, row),
        map=pictures(shown, row) if pictured else spans(shown, row),
        meter=meter(explanation, row),
        scores=scores,
        how=table(computed(explanation, row)),
    )


def _written(explanation: Explanation, shown: Explanation) -> str:
    """What is known of a generation: its most telling token, the view to point at, and every token's sources."""
    row = telling(explanation)
    return WRITTEN.format(
        sentence=wrote(shown),
        view=block(shown),
        meter=meter(explanation, row),
        tokens=tokens(shown),
        how=table(computed(explanation, row)),
        script=script(),
    )


def _moved(cells: Mapping[str, str | float | int]) -> str:
    return f" ± {cells['spread']:.6f}" if "spread" in cells else ""


RESULT = """<section>{heading}
<p class="wf-said">{sentence}</p>
{map}
{meter}
<details><summary>Every score</summary>
<table><tr><th scope="col">Text</th><th scope="col">Score</th><th scope="col">Share</th></tr>{scores}</table></details>
<details><summary>How this was computed</summary>{how}</details>
</section>
"""
WRITTEN = """<section>
<p class="wf-said">{sentence}</p>
{view}
{meter}
<h2>Every written word</h2>
{tokens}
<details><summary>How this was computed</summary>{how}</details>
{script}
</section>
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; {allowed}style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>Why did the model say that?</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
td, th {{ text-align: start; padding: .15rem .8rem .15rem 0; vertical-align: top; overflow-wrap: anywhere; }}
figure {{ display: inline-block; margin: 0 1rem 1rem 0; max-width: 100%; }}
figure img {{ display: block; max-width: 100%; height: auto; }}
pre {{ overflow-x: auto; padding: .8rem; border: 1px solid rgb(128 128 128 / .4); }}
summary {{ cursor: pointer; margin-top: 1rem; }}
section + section {{ margin-top: 3rem; }}
</style></head><body><main>
<h1>Why did the model say that?</h1>
{notices}
{results}
<details><summary>The code</summary><pre>{code}</pre></details>
<p class="wf-note">The map shows what moved this model's number, not why the world is as it is. Made with Wherefore.</p>
</main></body></html>
"""
