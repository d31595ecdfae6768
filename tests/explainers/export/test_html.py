"""The self-contained HTML file of an explanation."""

import re

import pytest

from explainers import Target
from explainers.export.html import to_html
from explainers.visualization.summaries.classification import describe_explanation
from explainers.visualization.summaries.provenance import write_code
from explainers.visualization.text.escape import strip_markup
from tests.support.explanations import EVIL, ParsedHtml, make_explanation, make_full_explanation, mark_controls
from tests.support.sentences import HOSTILE


def pages():
    for text in (*HOSTILE.values(), *EVIL):
        yield make_explanation(text)
        yield make_explanation(label=text, about=((text, text),), notices=(text,), target=Target(text, 3, foil=text))


@pytest.mark.parametrize("explanation", list(pages()), ids=lambda found: str(found.request.inputs + found.notices)[:50])
def test_the_html_fetches_and_runs_nothing(explanation):
    page = ParsedHtml(to_html(explanation, true_label=EVIL[0]))
    assert not page.open
    assert {tag for tag, _ in page.elements} <= {
        "html", "head", "meta", "title", "style", "body", "main", "section", "h1", "p", "strong", "em", "bdi", "div",
        "span", "i", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "pre",
    }  # fmt: skip
    names = {name for _, attributes in page.elements for name in attributes}
    assert not names & {"src", "href", "srcset", "action", "data", "poster", "background", "formaction"}
    assert not [name for name in names if name.startswith("on")]
    styles = "".join(data for path, data in page.texts if path and path[-1][0] == "style")
    assert not re.search(r"url|http|@import|expression", styles)
    assert page.text("wf-map") == mark_controls(explanation.request.texts["text"])
    assert f"True label: {EVIL[0]}." in page.text()


def test_the_html_has_all_targets_or_the_requested_one():
    whole, second = ParsedHtml(to_html(make_full_explanation())), ParsedHtml(to_html(make_full_explanation(), 1))
    named = [data for path, data in whole.texts if path and path[-1][0] == "h2"]
    assert named == [str(make_full_explanation().targets[0].label), "class 0"]
    assert len([1 for tag, _ in whole.elements if tag == "section"]) == 2
    assert len([1 for tag, _ in second.elements if tag in ("section", "h2")]) == 1


def test_the_html_has_a_strict_policy():
    (policy,) = [a["content"] for tag, a in ParsedHtml(to_html(make_explanation())).elements if "http-equiv" in a]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def test_the_html_has_summary_text_scores_provenance_and_code():
    explanation = make_explanation(notices=("Cut here.",))
    html = to_html(explanation)
    assert html.startswith('<!doctype html>\n<html lang="en">')
    page = ParsedHtml(html)
    assert page.text("wf-said") == strip_markup(describe_explanation(explanation))
    assert page.text("wf-map") == "good bad film"
    assert "Cut here." in page.text()
    assert "bad−0.20" not in page.text()
    assert [text for text in ("bad-0.20000036.4 %", "good+0.30000054.5 %") if text not in page.text()] == []
    assert "arXiv:1703.01365" in page.text("wf-how")
    assert write_code(explanation) in "".join(data for path, data in page.texts if path and path[-1][0] == "pre")
    assert "True label" not in page.text()
