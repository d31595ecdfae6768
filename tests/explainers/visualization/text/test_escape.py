"""Foreign text in HTML and in attributes."""

import pytest

from explainers.visualization.text.escape import escape, escape_plain
from tests.support.explanations import EVIL, ParsedHtml, mark_controls
from tests.support.sentences import HOSTILE


@pytest.mark.parametrize("evil", [*EVIL, *HOSTILE.values(), "&#x3C;img&#x3E;", "&lt;"])
def test_text_is_escaped_in_elements_and_attributes(evil):
    page = ParsedHtml(f'<p title="{escape_plain(evil)}">{escape(evil)}</p>')
    assert {tag for tag, _ in page.elements} <= {"p", "span"}
    assert page.elements[0][1].keys() == {"title"}
    assert page.text() == mark_controls(evil)
    assert not set("<>\"'$") & set(escape_plain(evil))
