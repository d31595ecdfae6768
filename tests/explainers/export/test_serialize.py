"""Files: JSON that comes back equal or is refused, CSV that no spreadsheet runs, HTML that fetches nothing."""

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from explainers import Explanation, Request, Target, explain
from explainers.errors import BadRequest
from explainers.export.html import to_html
from explainers.export.serialize import FORMULA, from_json, to_csv, to_json
from explainers.request import pack
from explainers.results.explanation import Feature, Prediction
from explainers.visualization.charts.bars import describe_bars, draw_bars
from explainers.visualization.summaries.classification import describe_explanation
from explainers.visualization.summaries.provenance import write_code
from explainers.visualization.text.escape import strip_markup
from tests.support.explanations import AGAINST, EVIL, ParsedHtml, make_explanation, mark_controls
from tests.support.generations import generation
from tests.support.sentences import HOSTILE, SENTENCES
from tests.support.tiny import tiny

BITS = np.array([0.1, np.nan, -0.0, 1e-45, 3.4028235e38, -1 / 3, np.pi], np.float32)


def rich() -> Explanation:
    """An explanation in which every field has a value that is not its default."""
    text = "good <b> \u202e 👍🏽 x"
    request = Request(
        "text_classification",
        "owner/model@main",
        {"text": text, "other": ""},
        method="saliency",
        target=Target("POSITIVE", 1, foil="NEGATIVE"),
        params={"norm": "L2", "flag": True, "tolerance": 1e-3},
        seed=12,
    )
    some = (Feature(f"f{i}", "text", i, i + 1, i) for i in range(5))
    features = (Feature("[CLS]", "text", special=True), *some, Feature("y", "out"))
    targets = (AGAINST, Target(None, 0, position=4))
    return Explanation(
        request, features, targets, np.stack([BITS, BITS[::-1]]), BITS[:2], BITS[1:3], "logit_margin", False, True,
        Prediction(targets, "an answer", (targets, ())), (True, False), 2.5e-7, (45, 40), 1.25,
        ("Cut.", "Grey."), (("torch", "2.13.0"),), (("text", text), ("out", "yy")), (1, 7), None,
        (("entropy", (0.1, 2.0)),), (("text", 0, 4, "user"),), np.stack([BITS[::-1], BITS]), "image",
    )  # fmt: skip


def bits(array):
    return array.view(np.uint32).tolist()


EXPLANATIONS = {
    "rich": rich(),
    "plain": make_explanation(),
    "nothing": make_explanation(features=(), scores=(0.0,)),
    "no baseline": make_explanation(baselines=None),
    **{name: make_explanation(text) for name, text in HOSTILE.items()},
}


@pytest.mark.parametrize("name", EXPLANATIONS)
def test_an_explanation_comes_back_equal_from_json(name):
    before = EXPLANATIONS[name]
    after = from_json(to_json(before))
    assert after == before
    for field in ("scores", "values", "baselines"):
        one, other = getattr(before, field), getattr(after, field)
        assert (one is None) == (other is None)
        assert one is None or bits(one) == bits(other)
    assert to_json(after) == to_json(before)


@pytest.mark.parametrize(
    "before",
    [rich(), make_explanation(), generation(), generation(scores=[[0.0] * 8] * 3, kind="text")],
    ids=["image", "text", "generation", "entities, which see all of the text"],
)
def test_the_kind_of_a_saved_explanation_follows_from_its_file(before):
    assert from_json(to_json(before)).kind == before.kind


def changed(**changes) -> str:
    return json.dumps(json.loads(to_json(rich())) | changes)


def inside(name: str, **changes) -> str:
    read = json.loads(to_json(rich()))
    read[name] = [read[name][0] | changes, *read[name][1:]]
    return json.dumps(read)


NUMBERS = [[0.5] * 7, [0.5] * 7]
DAMAGED = {
    "nothing": "",
    "no json": "<html>",
    "cut off": to_json(make_explanation())[:-30],
    "a list": "[]",
    "a number": "5",
    "null": "null",
    "another format": changed(format="wherefore/2"),
    "no format": '{"request": {}}',
    "only a format": '{"format": "wherefore/1"}',
    "deep": "[" * 200_000,
    "deep in place": changed().replace('"Cut."', "[" * 100_000),
    "deep scores": changed(scores=json.loads("[" * 60 + "]" * 60)),
    "NaN": changed(scores=NUMBERS).replace("0.5", "NaN", 1),
    "infinity": changed(seconds=float("inf")),
    "too large for a float": changed(seconds=1).replace('"seconds": 1', '"seconds": 1e999'),
    "too large for float32": changed(values=[1e39, 0.0]),
    "too large for anything": changed(values=[10**400, 0.0]),
    "too many digits": changed(seconds=1).replace('"seconds": 1', '"seconds": ' + "9" * 5000),
    "text for a number": changed(values=["0.5", "0.5"]),
    "true for a number": changed(values=[True, False]),
    "too few rows": changed(scores=NUMBERS[:1]),
    "too short rows": changed(scores=[[0.5] * 6] * 2),
    "ragged": changed(scores=[[0.5] * 7, [0.5] * 6]),
    "flat": changed(scores=[0.5] * 7),
    "a mapping of scores": changed(scores={"0": 1}),
    "too many values": changed(values=[0.5] * 3),
    "no values": changed(values=None),
    "baselines of another length": changed(baselines=[0.5]),
    "one converged": changed(converged=[True]),
    "converged to text": changed(converged=["yes", "no"]),
    "three counts": changed(evaluations=[1, 2, 3]),
    "half a pass": changed(evaluations=[1.5, 2]),
    "a grid of one": changed(grid=[7]),
    "a picture without a grid": changed(grid=None, features={"field": "image", "channels": 1, "rows": 1, "columns": 7}),
    "an unknown kind": changed(kind="sound"),
    "a notice that is a number": changed(notices=[5]),
    "a fact of three": changed(about=[["a", "b", "c"]]),
    "half a surrogate pair": changed(notices=["\ud83d"]),
    "half a pair as a name": changed(request=rich().request.to_query() | {"in.\ud83d": ""}),
    "a unit that is none": changed(unit=None),
    "a sign that is text": changed(signed="true"),
    "an unknown field": changed(script="alert(1)"),
    "a request that is a list": changed(request=[]),
    "a request of numbers": changed(request={"task": 5}),
    "a target that is a mapping": changed(request={"target": {"a": 1}}),
    "a packed request": changed(request=pack(rich().request.to_query())),
    "a seed that is text": changed(request={"seed": "abc"}),
    "a prediction that is a list": changed(prediction=[]),
    "a label that is a number": inside("targets", label=5),
    "a probability that is true": inside("targets", probability=True),
    "a feature too far": inside("features", start=0, end=10_000),
    "a feature before the text": inside("features", start=-3, end=1),
    "a feature that runs backwards": inside("features", start=3, end=1),
    "a feature with no end": inside("features", start=3),
    "a feature of no input": inside("features", start=0, end=1, field="nowhere"),
    "a feature with a method": inside("features", __class__="x"),
    "a feature that is text": changed(features=["a"] * 7),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_or_hostile_file_is_refused_with_a_word(name):
    with pytest.raises(BadRequest) as refused:
        from_json(DAMAGED[name])
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("field", sorted(set(json.loads(to_json(rich())))))
def test_a_file_that_lacks_a_field_is_refused(field):
    read = json.loads(to_json(rich()))
    del read[field]
    with pytest.raises(BadRequest):
        from_json(json.dumps(read))


def sheet(explanation):
    return list(csv.DictReader(io.StringIO(to_csv(explanation), newline="")))


def test_csv_has_a_row_a_feature_and_target_with_every_bit():
    found = sheet(rich())
    assert len(found) == 14
    again = np.array([float(row["score"] or "nan") for row in found], np.float32).reshape(2, 7)
    assert bits(again) == bits(rich().scores)
    assert [row["target"] for row in found[::7]] == ["POSITIVE", "0"]
    assert (found[0]["special"], found[0]["start"]) == ("True", "")
    assert (found[1]["text"], found[1]["start"], found[1]["end"]) == ("f0", "0", "1")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x")', 'a";=1', "a\rb,c"]
)
def test_no_cell_of_a_csv_can_start_a_formula(text):
    target = Target(text, 1)
    explanation = make_explanation("word", features=(Feature(text, "text", 0, 4, 0),), scores=(-0.5,), target=target)
    (row,) = sheet(explanation)
    assert row["text"].removeprefix("'") == row["target"].removeprefix("'") == text
    assert float(row.pop("score")) == -0.5
    assert not [cell for cell in row.values() if cell.startswith(FORMULA)]
    assert f'"{row["text"]}"' in to_csv(explanation).replace('""', '"')  # in quotes, for those who cut at semicolons


def pages():
    for text in (*HOSTILE.values(), *EVIL):
        yield make_explanation(text)
        yield make_explanation(label=text, about=((text, text),), notices=(text,), target=Target(text, 3, foil=text))


@pytest.mark.parametrize("explanation", list(pages()), ids=lambda found: str(found.request.inputs + found.notices)[:50])
def test_the_html_is_one_file_that_fetches_and_runs_nothing(explanation):
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


def test_the_html_shows_every_target_under_its_own_heading_or_the_one_that_is_asked_for():
    whole, second = ParsedHtml(to_html(rich())), ParsedHtml(to_html(rich(), 1))
    named = [data for path, data in whole.texts if path and path[-1][0] == "h2"]
    assert named == [str(rich().targets[0].label), "class 0"]
    assert len([1 for tag, _ in whole.elements if tag == "section"]) == 2
    assert len([1 for tag, _ in second.elements if tag in ("section", "h2")]) == 1


def test_the_html_forbids_by_policy_what_it_does_not_need():
    (policy,) = [a["content"] for tag, a in ParsedHtml(to_html(make_explanation())).elements if "http-equiv" in a]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def test_the_html_shows_sentence_map_table_computation_and_code():
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


SETTINGS = [
    {},
    {"params": {"tolerance": 0.02, "baseline": "mask", "most_passes": 300}},
    {"method": "smooth_grad", "params": {"samples": 3, "noise": 0.25}, "seed": 5, "target": 2},
    {
        "method": "layer_integrated_gradients",
        "params": {"steps": 7, "unit": "logit"},
        "target": Target("LABEL_0", foil="LABEL_1"),
    },
    {"method": "saliency", "params": {"norm": "L2"}},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny"
    for part in tiny("bert"):
        part.save_pretrained(path)
    return path


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_the_code_computes_the_very_same_scores_again(folder, changes, capsys):
    request = Request(
        **{"task": "text_classification", "model": str(folder), "inputs": {"text": SENTENCES[1]}} | changes
    )
    first = explain(request)
    space: dict[str, object] = {}
    exec(write_code(first), space)
    assert bits(space["explanation"].scores) == bits(first.scores)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{score:+.4f}  {text}" for text, score in first.by_word().pairs()]


def moderate(explanation):
    return replace(explanation, scores=np.clip(explanation.scores, -1e6, 1e6), values=np.float32([0.5, 0.25]))


@pytest.mark.parametrize("name", ["rich", "plain", "nothing", "no baseline"])
def test_whatever_file_is_accepted_can_be_drawn(name):
    explanation = EXPLANATIONS[name] if name != "rich" else moderate(EXPLANATIONS[name])
    explanation = from_json(to_json(explanation))
    for row in range(len(explanation.targets)):
        assert not ParsedHtml(to_html(explanation, row)).open
        assert draw_bars(explanation, row).data
        assert describe_bars(explanation, row).startswith("Bars. ")
