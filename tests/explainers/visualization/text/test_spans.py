"""Maps and tables as HTML: the reader's text, nothing else in it, and colours that say what the scores say."""

import re

import pytest

from explainers.request import Target
from explainers.results.explanation import Feature
from explainers.visualization.html import render_pairs
from explainers.visualization.palette import AWAY, CSS, MAX_OPACITY, TOWARDS, UNREAD_OPACITY
from explainers.visualization.summaries.classification import describe_explanation
from explainers.visualization.summaries.convergence import render_convergence
from explainers.visualization.summaries.provenance import list_provenance
from explainers.visualization.summaries.score_table import list_scores
from explainers.visualization.text.escape import HIDDEN, escape, escape_plain
from explainers.visualization.text.format import (
    format_decimals,
    format_number,
    format_share,
    number_duplicates,
    shorten,
)
from explainers.visualization.text.segments import measure_special_share
from explainers.visualization.text.spans import MAX_FOCUSABLE, render_spans
from tests.support.explanations import AGAINST, EVIL, ParsedHtml, make_explanation, mark_controls
from tests.support.sentences import HOSTILE

TEXTS = HOSTILE | {f"evil {i}": text for i, text in enumerate(EVIL)} | {"many": "word, " * 400}


@pytest.fixture(params=TEXTS)
def text(request):
    return TEXTS[request.param]


def test_the_text_of_the_map_is_the_readers_text_hidden_controls_as_marks(text):
    page = ParsedHtml(render_spans(make_explanation(text)))
    assert page.text("wf-map") == mark_controls(text)
    assert not page.open
    assert not HIDDEN.search(page.text("wf-map").replace("\n", ""))


def test_a_hidden_control_is_named():
    assert ParsedHtml(render_spans(make_explanation("a \u202e b"))).all("wf-mark") == [
        {"class": "wf-mark", "title": "right-to-left override"}
    ]


def test_a_text_adds_no_element_and_no_attribute_but_ours(text):
    for html in (
        render_spans(make_explanation(text)),
        describe_explanation(make_explanation(text)),
        render_pairs(list_provenance(make_explanation(text))),
    ):
        page = ParsedHtml(html)
        tags = {tag for tag, _ in page.elements}
        names = {name for _, attributes in page.elements for name in attributes}
        assert tags <= {"style", "div", "span", "bdi", "strong", "em", "table", "tr", "th", "td"}
        assert names <= {"class", "style", "role", "dir", "title", "tabindex", "aria-label", "data-n", "scope"}
        assert html.count("<style>") == len([tag for tag in page.elements if tag[0] == "style"]) <= 1


def test_a_style_holds_one_number_and_no_more(text):
    styles = [
        attributes["style"]
        for _, attributes in ParsedHtml(render_spans(make_explanation(text))).elements
        if "style" in attributes
    ]
    assert styles
    assert all(re.fullmatch(r"--s:(0|1|0\.\d{1,3}|1\.000)", style) for style in styles)


@pytest.mark.parametrize("evil", EVIL)
def test_a_label_is_inert_wherever_it_stands(evil):
    other = Target("NEGATIVE", 0, foil=evil, probability=0.02)
    for explanation in (
        make_explanation(label=evil),
        make_explanation(target=Target(evil, 5)),
        make_explanation(target=other, label=evil),
    ):
        for html in (
            render_spans(explanation),
            describe_explanation(explanation),
            render_convergence(explanation),
            render_pairs(list_provenance(explanation)),
        ):
            page = ParsedHtml(html)
            assert {tag for tag, _ in page.elements} <= {
                "style", "div", "span", "bdi", "strong", "em", "table", "tr", "th", "td", "i",
            }  # fmt: skip
            assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
            assert not page.open
        assert mark_controls(evil) in ParsedHtml(describe_explanation(explanation)).text()
        assert (
            mark_controls(evil)
            in ParsedHtml(render_pairs(list_provenance(explanation))).text()
            + ParsedHtml(describe_explanation(explanation)).text()
        )


def test_a_token_of_the_tokenizers_own_is_inert_too():
    features = (Feature("<script>", "text", special=True), Feature("good", "text", 0, 4, 0))
    page = ParsedHtml(render_spans(make_explanation("good", features=features, scores=(0.5,))))
    assert "50 % on <script>" in page.text("wf-note")
    assert "script" not in {tag for tag, _ in page.elements}


def test_the_map_is_a_list_for_those_who_hear_it():
    page = ParsedHtml(render_spans(make_explanation()))
    (block,) = page.all("wf-map")
    assert (block["role"], block["dir"]) == ("list", "auto")
    pieces = page.all("wf-t")
    assert [piece["role"] for piece in pieces] == ["listitem"] * 3
    assert {tag for tag, attributes in page.elements if attributes.get("role") == "listitem"} == {"span"}
    assert [piece["aria-label"] for piece in pieces] == [
        "good: +0.30 towards POSITIVE",
        "bad: −0.20 away from POSITIVE",
        "film: +0.05 towards POSITIVE",
    ]


def test_words_of_the_map_are_not_isolated_for_then_right_to_left_phrases_would_run_left_to_right():
    assert not [
        tag
        for tag, _ in ParsedHtml(render_spans(make_explanation("The words שלום עולם mean hello"))).elements
        if tag == "bdi"
    ]


def test_the_tab_key_visits_the_strongest_pieces_and_not_all_of_a_long_text():
    strengths = tuple(i / 1000 for i in range(1, 401))
    pieces = ParsedHtml(render_spans(make_explanation("word " * 400, strengths))).all("wf-t")
    assert len(pieces) == 400
    assert [i for i, piece in enumerate(pieces) if piece.get("tabindex") == "0"] == list(
        range(400 - MAX_FOCUSABLE, 400)
    )


def colours(explanation):
    return [
        piece["style"] + piece["class"].replace("wf-t", "")
        for piece in ParsedHtml(render_spans(explanation)).all("wf-t")
    ]


def test_the_strength_of_a_colour_is_the_share_of_the_largest_score():
    assert colours(make_explanation(scores=(0.4, -0.2, 0.1))) == [
        "--s:1.000 wf-p wf-strong",
        "--s:0.500 wf-n wf-strong",
        "--s:0.250 wf-p",
    ]


def test_a_score_of_exactly_0_has_no_colour():
    assert colours(make_explanation(scores=(0.4, 0.0, -0.0)))[1:] == ["--s:0.000 wf-p"] * 2
    page = ParsedHtml(render_spans(make_explanation(scores=(0.0,))))
    assert colours(make_explanation(scores=(0.0,))) == ["--s:0.000 wf-p"] * 3
    assert page.all("wf-t")[0]["aria-label"] == "good: 0, no push"
    assert page.text("wf-legend") == "Every score is 0: nothing is coloured."


def test_a_piece_that_was_not_visible_is_text_without_colour():
    page = ParsedHtml(render_spans(make_explanation(scores=(0.4, float("nan"), -0.4))))
    assert len(page.all("wf-t")) == 2
    assert page.text("wf-map") == "good bad film"
    assert [row["text"] for row in list_scores(make_explanation(scores=(0.4, float("nan"), -0.5)))] == ["film", "good"]


def test_the_end_of_a_cut_text_is_greyed():
    explanation = make_explanation("good bad film", features=(Feature("good", "text", 0, 4, 0),), scores=(0.1,))
    page = ParsedHtml(render_spans(explanation))
    assert page.text("wf-unread") == " bad film"
    assert page.all("wf-unread")[0]["title"] == "not read by the model"


def legend(**changes):
    return ParsedHtml(render_spans(make_explanation(**changes))).text("wf-legend")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "towards POSITIVEaway from POSITIVEFull colour: 0.30 of probability, that is 30 percentage points."),
        ({"scores": (0.0042,)}, "Full colour: 0.0042 of probability, that is 0.42 percentage points."),
        ({"unit": "logit"}, "Full colour: 0.30 logits."),
        ({"unit": "log_odds"}, "Full colour: 0.30 of log-odds, that is the odds times 1.3."),
        ({"unit": "log_odds", "scores": (900.0,)}, "Full colour: 900.00 of log-odds."),
        ({"unit": "score"}, "Full colour: 0.30 of the model's own score."),
        ({"additive": False}, "Full colour: 0.30, only to compare words with each other."),
        ({"signed": False, "additive": False}, "in either directionFull colour: 0.30, only to compare"),
        ({"target": Target(None, 7)}, "towards class 7away from class 7"),
        (
            {"target": AGAINST, "unit": "probability_margin"},
            "towards POSITIVE rather than NEGATIVEtowards NEGATIVE rather than POSITIVEFull colour: 0.30 of "
            "probability, that is 30 percentage points of the lead over NEGATIVE.",
        ),
        ({"target": AGAINST, "unit": "logit_margin"}, "Full colour: 0.30 of logits of the lead over NEGATIVE."),
    ],
)
def test_the_legend_says_what_the_colours_stand_for(changes, said):
    assert said in legend(**changes)


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        (
            {"target": AGAINST},
            ["+0.30 towards POSITIVE rather than NEGATIVE", "−0.20 towards NEGATIVE rather than POSITIVE"],
        ),
        ({"signed": False, "scores": (0.3, 0.2)}, ["0.30, in either direction", "0.20, in either direction"]),
    ],
)
def test_each_piece_says_where_it_pushes(changes, labels):
    pieces = ParsedHtml(render_spans(make_explanation("good bad", **{"scores": (0.3, -0.2)} | changes))).all("wf-t")
    assert [piece["aria-label"].split(": ", 1)[1] for piece in pieces] == labels


def test_credit_on_special_tokens_is_stated():
    features = (
        Feature("[CLS]", "text", special=True),
        Feature("good", "text", 0, 4, 0),
        Feature("[SEP]", "text", special=True),
    )
    explanation = make_explanation("good", features=features, scores=(-0.12, 0.88, 0.0))
    assert measure_special_share(explanation) == pytest.approx({"[CLS]": 0.12})
    assert (
        ParsedHtml(render_spans(explanation)).text("wf-note")
        == "Not shown: 12 % on [CLS], which the tokenizer adds to every text."
    )


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
def test_text_keeps_its_contrast_on_the_strongest_shade_and_where_it_was_not_read(theme):
    text, page = map(rgb, STREAMLIT[theme])
    assert contrast([0, 0, 0], [255, 255, 255]) == pytest.approx(21)
    for colours in (TOWARDS, AWAY):
        assert contrast(text, blended(rgb(colours[theme]), page, MAX_OPACITY[theme])) >= 4.5
    assert contrast(blended(text, page, UNREAD_OPACITY), page) >= 4.5


@pytest.mark.parametrize("theme", STREAMLIT)
def test_lines_of_figures_stand_out_from_either_page(theme):
    _, page = map(rgb, STREAMLIT[theme])
    for colours in (TOWARDS, AWAY):
        assert contrast(rgb(colours["either"]), page) >= 3


def test_the_style_sheet_uses_the_palettes_opacities_and_fetches_nothing():
    assert {*re.findall(r"var\(--s\) \* ([\d.]+)", CSS)} == {str(MAX_OPACITY["light"]), str(MAX_OPACITY["dark"])}
    assert f"opacity: {UNREAD_OPACITY}" in CSS
    assert not re.search(r"url|http|@import", CSS)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (-0.0, "0"), (0.394, "+0.39"), (-0.394, "−0.39"), (0.0123, "+0.012"), (12, "+12.00")],
)
def test_a_score_is_shown_with_its_sign_and_two_decimals_that_matter(value, shown):
    assert format_number(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0, "0 %"),
        (0.98, "98 %"),
        (1, "100 %"),
        (0.052, "5.2 %"),
        (0.0996, "10 %"),
        (0.0012, "0.12 %"),
        (1e-7, "< 0.01 %"),
        (12.5, "1,250 %"),
    ],
)
def test_a_share_is_shown_as_a_percentage_without_powers_of_ten(share, shown):
    assert format_share(share) == shown
    assert "e" not in format_decimals(1e30)


def test_text_is_cut_between_two_signs_and_set_on_one_line():
    assert shorten("👍🏽👍🏽👍🏽", 2) == "👍🏽…"
    assert shorten("one\n two") == "one two"


@pytest.mark.parametrize("evil", [*EVIL, *HOSTILE.values(), "&#x3C;img&#x3E;", "&lt;"])
def test_text_is_safe_between_tags_and_between_quotes(evil):
    page = ParsedHtml(f'<p title="{escape_plain(evil)}">{escape(evil)}</p>')
    assert {tag for tag, _ in page.elements} <= {"p", "span"}
    assert page.elements[0][1].keys() == {"title"}
    assert page.text() == mark_controls(evil)
    assert not set("<>\"'$") & set(escape_plain(evil))


def test_options_that_would_look_alike_are_told_apart_and_the_others_stay_as_they_are():
    assert number_duplicates(["Paris: LOC", "Ada: PER", "Paris: LOC", "Paris: LOC"]) == [
        "Paris: LOC",
        "Ada: PER",
        "Paris: LOC (2)",
        "Paris: LOC (3)",
    ]
