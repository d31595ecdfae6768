"""Files: JSON that comes back equal or is refused, CSV that no spreadsheet runs, HTML that fetches nothing."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from explainers import Target
from explainers.errors import BadRequest
from explainers.export.html import to_html
from explainers.export.serialize import FORMULA, from_json, to_csv, to_json
from explainers.request import pack
from explainers.results.explanation import Feature
from explainers.visualization.charts.bars import describe_bars, draw_bars
from tests.support.explanations import ParsedHtml, make_explanation, make_full_explanation
from tests.support.generations import generation
from tests.support.sentences import HOSTILE


def bits(array):
    return array.view(np.uint32).tolist()


EXPLANATIONS = {
    "rich": make_full_explanation(),
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
    [make_full_explanation(), make_explanation(), generation(), generation(scores=[[0.0] * 8] * 3, kind="text")],
    ids=["image", "text", "generation", "entities, which see all of the text"],
)
def test_the_kind_of_a_saved_explanation_follows_from_its_file(before):
    assert from_json(to_json(before)).kind == before.kind


def changed(**changes) -> str:
    return json.dumps(json.loads(to_json(make_full_explanation())) | changes)


def inside(name: str, **changes) -> str:
    read = json.loads(to_json(make_full_explanation()))
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
    "half a pair as a name": changed(request=make_full_explanation().request.to_query() | {"in.\ud83d": ""}),
    "a unit that is none": changed(unit=None),
    "a sign that is text": changed(signed="true"),
    "an unknown field": changed(script="alert(1)"),
    "a request that is a list": changed(request=[]),
    "a request of numbers": changed(request={"task": 5}),
    "a target that is a mapping": changed(request={"target": {"a": 1}}),
    "a packed request": changed(request=pack(make_full_explanation().request.to_query())),
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
def test_a_damaged_or_hostile_file_is_refused_with_a_reason(name):
    with pytest.raises(BadRequest) as refused:
        from_json(DAMAGED[name])
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("field", sorted(set(json.loads(to_json(make_full_explanation())))))
def test_a_file_without_a_field_is_refused(field):
    read = json.loads(to_json(make_full_explanation()))
    del read[field]
    with pytest.raises(BadRequest):
        from_json(json.dumps(read))


def sheet(explanation):
    return list(csv.DictReader(io.StringIO(to_csv(explanation), newline="")))


def test_csv_has_a_row_per_feature_and_target_with_exact_scores():
    found = sheet(make_full_explanation())
    assert len(found) == 14
    again = np.array([float(row["score"] or "nan") for row in found], np.float32).reshape(2, 7)
    assert bits(again) == bits(make_full_explanation().scores)
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


def moderate(explanation):
    return replace(explanation, scores=np.clip(explanation.scores, -1e6, 1e6), values=np.float32([0.5, 0.25]))


@pytest.mark.parametrize("name", ["rich", "plain", "nothing", "no baseline"])
def test_every_accepted_file_can_be_rendered(name):
    explanation = EXPLANATIONS[name] if name != "rich" else moderate(EXPLANATIONS[name])
    explanation = from_json(to_json(explanation))
    for row in range(len(explanation.targets)):
        assert not ParsedHtml(to_html(explanation, row)).open
        assert draw_bars(explanation, row).data
        assert describe_bars(explanation, row).startswith("Bars. ")
