"""A generation in a file: the interactive view with its script and data, and below it the same without a script."""

import base64
import hashlib
import json

from ..data import Explanation
from .crosstab import rows
from .generation import CSS, SCRIPT, payload
from .html import note, table
from .spans import spans
from .telling import telling
from .text import escaped, likelihood

START = """
for (const box of document.querySelectorAll(".wf-g"))
  wherefore(box, JSON.parse(box.parentElement.querySelector("script[type='application/json']").textContent));
"""
WHOLE = SCRIPT + START
POLICY = f"script-src 'sha256-{base64.b64encode(hashlib.sha256(WHOLE.encode()).digest()).decode()}'; "
SAID = note("Without its script this page shows one token's map; the table below has them all.")


def block(explanation: Explanation) -> str:
    """The interactive view with its data, to be run by `script`; without it, the map of the most telling token."""
    data = json.dumps(payload(explanation), ensure_ascii=False).replace("<", "\\u003c")
    return (
        f"<style>{CSS}</style><div>"
        f'<div class="wf-g">{spans(explanation, telling(explanation))}{SAID}</div>'
        f'<script type="application/json">{data}</script></div>'
    )


def script() -> str:
    """The one script of a page, which its policy allows by `POLICY` and no other."""
    return f"<script>{WHOLE}</script>"


def sources(explanation: Explanation) -> str:
    """Every written token with its probability, and what it was made from, as an HTML table that prints."""
    return table(
        (
            (
                f"<bdi>{escaped(str(line['text']))}</bdi>",
                likelihood(float(line["probability"])) if "probability" in line else "",
                escaped(str(line["made from"])),
            )
            for line in rows(explanation)
        ),
        ("Written", "Probability", "Made from, strongest first"),
    )
