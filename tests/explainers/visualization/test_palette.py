"""The contrast of the colours, and the style sheet."""

import re

import pytest

from explainers.visualization.palette import AWAY, CSS, MAX_OPACITY, TOWARDS, UNREAD_OPACITY
from explainers.visualization.text.spans import render_spans
from tests.support.explanations import EVIL, ParsedHtml
from tests.support.sentences import HOSTILE

TEXTS = HOSTILE | {f"evil {i}": text for i, text in enumerate(EVIL)} | {"many": "word, " * 400}


@pytest.fixture(params=TEXTS)
def text(request):
    return TEXTS[request.param]


def colours(explanation):
    return [
        piece["style"] + piece["class"].replace("wf-t", "")
        for piece in ParsedHtml(render_spans(explanation)).all("wf-t")
    ]


def rgb(colour):
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def blended(over, under, opacity):
    return [opacity * one + (1 - opacity) * other for one, other in zip(over, under, strict=True)]


def luminance(colour):
    """WCAG 2.2, relative luminance."""
    shares = [value / 255 for value in colour]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


STREAMLIT = {"light": ("#31333F", "#FFFFFF"), "dark": ("#FAFAFA", "#0E1117")}  # its text and its page


@pytest.mark.parametrize("theme", STREAMLIT)
def test_text_keeps_its_contrast_on_full_colour_and_when_truncated(theme):
    text, page = map(rgb, STREAMLIT[theme])
    assert contrast([0, 0, 0], [255, 255, 255]) == pytest.approx(21)
    for colours in (TOWARDS, AWAY):
        assert contrast(text, blended(rgb(colours[theme]), page, MAX_OPACITY[theme])) >= 4.5
    assert contrast(blended(text, page, UNREAD_OPACITY), page) >= 4.5


@pytest.mark.parametrize("theme", STREAMLIT)
def test_lines_of_figures_have_contrast_in_both_themes(theme):
    _, page = map(rgb, STREAMLIT[theme])
    for colours in (TOWARDS, AWAY):
        assert contrast(rgb(colours["either"]), page) >= 3


def test_the_style_sheet_fetches_nothing():
    assert {*re.findall(r"var\(--s\) \* ([\d.]+)", CSS)} == {str(MAX_OPACITY["light"]), str(MAX_OPACITY["dark"])}
    assert f"opacity: {UNREAD_OPACITY}" in CSS
    assert not re.search(r"url|http|@import", CSS)
