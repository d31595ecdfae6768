"""Export an explanation as one self-contained HTML file."""

from collections.abc import Iterable

from ..results.explanation import Explanation
from ..visualization.html import render_details, render_lead, render_note, render_pairs
from ..visualization.renderers import find_renderer
from ..visualization.summaries.convergence import render_convergence
from ..visualization.summaries.provenance import list_provenance, write_code
from ..visualization.text.escape import escape
from ..visualization.text.format import name_target


def to_html(explanation: Explanation, row: int | None = None, true_label: str | None = None) -> str:
    """Render the explanation by word as one self-contained page: all targets, or only `row`.

    `true_label` is the correct label, if it is known. A generation is one result, with a script to select its tokens.
    """
    renderer = find_renderer(explanation)
    shown, picked = renderer.by_word(explanation), renderer.rows(explanation) if row is None else [row]
    notes = (*explanation.notices, *([] if true_label is None else [f"True label: {true_label}."]))

    def section(row: int) -> str:
        """Render one target: summary, coloured input, convergence, scores and settings."""
        parts = (
            f"<h2>{escape(name_target(explanation.targets[row]))}</h2>" if len(picked) > 1 else "",
            render_lead(renderer.lead(explanation, row, None)),
            renderer.map(shown, row),
            render_convergence(explanation, row),
            renderer.scores(shown, row),
            render_details("How this was computed", render_pairs(list_provenance(explanation, row))),
            renderer.script,
        )
        return f"<section>{''.join(parts)}</section>"

    return make_page(
        "".join(map(section, picked)), write_code(explanation), [escape(text) for text in notes], renderer.policy
    )


def make_page(results: str, code: str, notes: Iterable[str] = (), allowed: str = "") -> str:
    """Make one page of results and notes, both HTML, and the Python code that computes them again."""
    notices = "".join(map(render_note, notes))
    return PAGE.format(
        allowed=allowed, notices=notices, results=results, code=render_details("The code", f"<pre>{escape(code)}</pre>")
    )


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
{code}
<p class="wf-note">The scores explain the output of this model, not causes in the world. Made with Wherefore.</p>
</main></body></html>
"""
