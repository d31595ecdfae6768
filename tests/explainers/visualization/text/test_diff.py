"""The diff of an attack."""

import re

from explainers.results.attack import Edit
from explainers.visualization.text.diff import render_diff

EVIL = "<img src=x onerror=alert(1)>"


TEXT = f"good {EVIL} film"


def read_visible(html):
    """Return the visible text."""
    return re.sub(r"<style>.*?</style>|<span class=\"wf-heard\">.*?</span>|<[^>]+>", "", html, flags=re.DOTALL)


def test_a_diff_shows_old_and_new_words_in_place_and_escapes_them():
    edits = [Edit(0, "good", EVIL, -2.0, 0, 4), Edit(2, "film", "", 0.1, len(TEXT) - 4, len(TEXT))]
    html = render_diff(TEXT, reversed(edits))
    assert "<img" not in html
    assert read_visible(html).replace("&lt;", "<").replace("&gt;", ">") == f"good{EVIL} {EVIL} film"
    assert re.findall(r"<(del|ins)>", html) == ["del", "ins", "del"]
    assert html.count("removed: ") == 2
    assert html.count("added: ") == 1
