"""A generation in a file: the interactive view with its script and data, and below it the same without a script."""

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
NOSCRIPT_NOTE = render_note("Without its script this page shows one token's map; the table below has them all.")


def render_view(explanation: Explanation) -> str:
    """The interactive view with its data, to be run by `script`; without it, the map of the most telling token."""
    data = json.dumps(make_payload(explanation), ensure_ascii=False).replace("<", "\\u003c")
    return (
        f"<style>{CSS}</style><div>"
        f'<div class="wf-g">{render_spans(explanation, find_strongest_row(explanation))}{NOSCRIPT_NOTE}</div>'
        f'<script type="application/json">{data}</script></div>'
    )


def render_script() -> str:
    """The one script of a page, which its policy allows by `POLICY` and no other."""
    return f"<script>{FULL_SCRIPT}</script>"


def render_sources(explanation: Explanation) -> str:
    """Every written token with its probability, and what it was made from, as an HTML table that prints."""
    return render_table(
        (
            (
                f"<bdi>{escape(str(line['text']))}</bdi>",
                format_probability(float(line["probability"])) if "probability" in line else "",
                escape(str(line["made from"])),
            )
            for line in list_targets(explanation)
        ),
        ("Written", "Probability", "Made from, strongest first"),
    )
