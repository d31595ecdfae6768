"""A generation in an HTML file: the interactive view with its script and data, and a table that needs no script."""

import base64
import hashlib
import json

from ...results.explanation import Explanation
from ..charts.generation_matrix import list_targets
from ..html import render_note, render_table
from ..summaries.generation import find_strongest_row
from .escape import escape
from .format import format_probability
from .generation import CSS, SCRIPT, make_payload
from .spans import render_spans

START_SCRIPT = """
for (const box of document.querySelectorAll(".wf-g"))
  wherefore(box, JSON.parse(box.parentElement.querySelector("script[type='application/json']").textContent));
"""
FULL_SCRIPT = SCRIPT + START_SCRIPT
POLICY = f"script-src 'sha256-{base64.b64encode(hashlib.sha256(FULL_SCRIPT.encode()).digest()).decode()}'; "
NOSCRIPT_NOTE = render_note("Without scripts this page shows the scores of one token; the table below has all.")


def render_view(explanation: Explanation) -> str:
    """Render the interactive view with its data; without the script it shows the token with the strongest score."""
    data = json.dumps(make_payload(explanation), ensure_ascii=False).replace("<", "\\u003c")
    return (
        f"<style>{CSS}</style><div>"
        f'<div class="wf-g">{render_spans(explanation, find_strongest_row(explanation))}{NOSCRIPT_NOTE}</div>'
        f'<script type="application/json">{data}</script></div>'
    )


def render_script() -> str:
    """Render the only script of the page, the only one that its `POLICY` allows."""
    return f"<script>{FULL_SCRIPT}</script>"


def render_sources(explanation: Explanation) -> str:
    """Render every generated token with its probability and its sources as an HTML table."""
    return render_table(
        (
            (
                f"<bdi>{escape(str(line['text']))}</bdi>",
                format_probability(float(line["probability"])) if "probability" in line else "",
                escape(str(line["sources"])),
            )
            for line in list_targets(explanation)
        ),
        ("Generated", "Probability", "Sources, strongest first"),
    )
