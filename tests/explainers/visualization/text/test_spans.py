"""The coloured text and its legend."""

import re

import pytest

from explainers.request import Target
from explainers.results.explanation import Feature
from explainers.visualization.html import render_pairs
from explainers.visualization.summaries.classification import describe_explanation
from explainers.visualization.summaries.convergence import render_convergence
from explainers.visualization.summaries.provenance import list_provenance
from explainers.visualization.summaries.score_table import list_scores
from explainers.visualization.text.escape import HIDDEN
from explainers.visualization.text.segments import measure_special_share
from explainers.visualization.text.spans import MAX_FOCUSABLE, render_spans
from tests.support.explanations import AGAINST, EVIL, ParsedHtml, make_explanation, mark_controls
from tests.support.sentences import HOSTILE

TEXTS = HOSTILE | {f"evil {i}": text for i, text in enumerate(EVIL)} | {"many": "word, " * 400}


@pytest.fixture(params=TEXTS)
def text(request):
    return TEXTS[request.param]


def test_the_rendered_text_is_the_input_with_visible_control_characters(text):
    page = ParsedHtml(render_spans(make_explanation(text)))
    assert page.text("wf-map") == mark_controls(text)
    assert not page.open
    assert not HIDDEN.search(page.text("wf-map").replace("\n", ""))


def test_a_control_character_is_named():
    assert ParsedHtml(render_spans(make_explanation("a \u202e b"))).all("wf-mark") == [
        {"class": "wf-mark", "title": "right-to-left override"}
    ]


def test_a_text_adds_no_element_and_no_attribute(text):
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


def test_a_style_is_one_number(text):
    styles = [
        attributes["style"]
        for _, attributes in ParsedHtml(render_spans(make_explanation(text))).elements
        if "style" in attributes
    ]
    assert styles
    assert all(re.fullmatch(r"--s:(0|1|0\.\d{1,3}|1\.000)", style) for style in styles)


@pytest.mark.parametrize("evil", EVIL)
def test_labels_are_escaped_everywhere(evil):
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


def test_special_tokens_are_escaped():
    features = (Feature("<script>", "text", special=True), Feature("good", "text", 0, 4, 0))
    page = ParsedHtml(render_spans(make_explanation("good", features=features, scores=(0.5,))))
    assert "50 % on <script>" in page.text("wf-note")
    assert "script" not in {tag for tag, _ in page.elements}


def test_screen_readers_get_a_list_of_words_with_scores():
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


def test_words_are_not_isolated_so_that_right_to_left_phrases_keep_their_order():
    assert not [
        tag
        for tag, _ in ParsedHtml(render_spans(make_explanation("The words שלום עולם mean hello"))).elements
        if tag == "bdi"
    ]


def test_the_tab_key_reaches_only_the_strongest_words_of_a_long_text():
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


def test_the_opacity_is_the_share_of_the_largest_score():
    assert colours(make_explanation(scores=(0.4, -0.2, 0.1))) == [
        "--s:1.000 wf-p wf-strong",
        "--s:0.500 wf-n wf-strong",
        "--s:0.250 wf-p",
    ]


def test_a_score_of_0_has_no_colour():
    assert colours(make_explanation(scores=(0.4, 0.0, -0.0)))[1:] == ["--s:0.000 wf-p"] * 2
    page = ParsedHtml(render_spans(make_explanation(scores=(0.0,))))
    assert colours(make_explanation(scores=(0.0,))) == ["--s:0.000 wf-p"] * 3
    assert page.all("wf-t")[0]["aria-label"] == "good: 0, no push"
    assert page.text("wf-legend") == "Every score is 0: nothing is coloured."


def test_a_word_that_was_not_visible_has_no_colour():
    page = ParsedHtml(render_spans(make_explanation(scores=(0.4, float("nan"), -0.4))))
    assert len(page.all("wf-t")) == 2
    assert page.text("wf-map") == "good bad film"
    assert [row["text"] for row in list_scores(make_explanation(scores=(0.4, float("nan"), -0.5)))] == ["film", "good"]


def test_truncated_text_is_greyed():
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
def test_the_legend_names_directions_and_scale(changes, said):
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
def test_each_word_has_its_direction_in_its_label(changes, labels):
    pieces = ParsedHtml(render_spans(make_explanation("good bad", **{"scores": (0.3, -0.2)} | changes))).all("wf-t")
    assert [piece["aria-label"].split(": ", 1)[1] for piece in pieces] == labels


def test_the_share_of_special_tokens_is_stated():
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
