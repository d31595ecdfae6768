"""Results equal the recorded ones, and old links and saved files still open."""

import json
from urllib.parse import parse_qsl

import pytest

from explainers import METHODS, TASKS, Request, Target
from explainers.export.serialize import from_json, to_json
from tests.support.recorder import (
    FOLDER,
    SAVED,
    find_differences,
    list_parts,
    pack,
    read,
    read_links,
    record,
    round_numbers,
    unpack,
)
from tests.support.recorder_cases import list_cases

SUITE = list_cases()
CASES = [(file, name) for file, cases in SUITE.items() for name in cases]
LINKS = read_links()


@pytest.mark.parametrize(("file", "name"), CASES, ids=lambda part: part.replace(" ", "-"))
def test_a_result_equals_the_recorded_one(file, name):
    found = round_numbers(record(SUITE[file][name]))
    assert list(find_differences(read(FOLDER, file)[name], found)) == []


def test_the_cases_are_the_recorded_ones_and_cover_every_task_and_method():
    recorded = {(file, name) for file in SUITE for name in read(FOLDER, file)}
    assert recorded == set(CASES)
    asked = [
        tree["request"]
        for file in ("methods", "architectures", "tasks", "images")
        for tree in read(FOLDER, file).values()
        if "request" in tree
    ]
    assert {request["task"] for request in asked} == set(TASKS)
    assert {request["method"] for request in asked} == set(METHODS)


@pytest.mark.parametrize("row", range(len(LINKS)))
def test_a_recorded_link_opens_the_same_request_and_is_written_the_same(row):
    recorded = LINKS[row]
    for link in recorded["links"]:
        found = Request.from_query(dict(parse_qsl(link, keep_blank_values=True, strict_parsing=True)))
        assert list_parts(found) == recorded["request"]
        assert found.to_query() == recorded["query"]
    whole = recorded["request"]
    if not found.pictures:
        target = Target(**whole["target"])
        same = Request(whole["task"], whole["model"], whole["inputs"], whole["method"], target, whole["params"])
        assert found == Request.from_query(same.to_query() | ({"seed": str(whole["seed"])} if whole["seed"] else {}))


@pytest.mark.parametrize("file", sorted(SAVED.glob("*.json")), ids=lambda file: file.stem)
def test_a_saved_explanation_opens_and_is_saved_the_same(file):
    text = file.read_text("utf-8")
    assert json.loads(to_json(from_json(text))) == json.loads(text)


def test_comparing_records_allows_rounding_errors_and_nothing_larger():
    old = {"scores": [[0.5, None, 0.25]], "label": "a"}
    assert list(find_differences(old, {"scores": [[0.50001, None, 0.25]], "label": "a"})) == []
    assert len(list(find_differences(old, {"scores": [[0.50001, None, 0.25]], "label": "a"}, exact=True))) == 1
    assert len(list(find_differences(old, {"scores": [[0.5, 0.0, 0.26]], "label": "b"}))) == 3
    assert len(list(find_differences(old, {"scores": [[0.5, None]], "more": 1}))) == 3
    numbers = [0.1 * i for i in range(100)] + [None]
    assert unpack(pack(round_numbers(numbers))) == round_numbers(numbers)
    assert round_numbers(0.10000000149011612) == 0.1
