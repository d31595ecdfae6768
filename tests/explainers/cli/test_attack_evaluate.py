"""The commands `attack` and `evaluate` give the library's results, for one request and for tables."""

import json

import pytest

from explainers import Request, attack, evaluate, explain
from explainers.cli import main
from explainers.visualization.summaries.attack import describe_attack
from explainers.visualization.summaries.faithfulness import describe_faithfulness
from explainers.visualization.text.escape import strip_markup
from tests.support.nli import NLI, make_named
from tests.support.tables import read_rows, write_table


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    place = tmp_path_factory.mktemp("bert")
    for part in make_named("bert", NLI):
        part.save_pretrained(place)
    return str(place)


def test_the_command_attack_gives_the_librarys_result_with_both_kinds_of_settings(model, tmp_path, capsys):
    text = "The soup was cold, the waiter was rude."
    asked = ["attack", "hotflip", "text_classification", f"text={text}", "--model", model, "--protect", "soup"]
    asked += ["--set", "flips=2", "--set", "unit=logit"]
    right = attack(
        "hotflip",
        Request("text_classification", model, {"text": text}, params={"unit": "logit"}),
        protected="soup",
        params={"flips": 2},
    )
    for kind in ("json", "csv", "html"):
        assert main([*asked, "--out", str(tmp_path / f"out.{kind}")]) == 0
    found = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert [step["text"] for step in found["steps"]] == [step.text for step in right.trajectory]
    assert (found["success"], found["settings"]["flips"], found["request"]["unit"]) == (right.success, "2", "logit")
    assert [row["text"] for row in read_rows(tmp_path / "out.csv")] == [step["text"] for step in found["steps"]]
    assert all(edit.new in (tmp_path / "out.html").read_text("utf-8") for edit in right.edits)
    assert strip_markup(describe_attack(right)) in capsys.readouterr().err


def test_the_command_evaluate_gives_the_librarys_result_for_each_row(model, tmp_path, capsys):
    text = "The soup was cold, the waiter was rude."
    asked = ["evaluate", "text_classification", "--model", model, "--method", "occlusion"]
    right = evaluate(explain(Request("text_classification", model, {"text": text}, "occlusion")))
    assert main([*asked, f"text={text}"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(strip_markup(describe_faithfulness(right)))
    assert all(measure.label in told for measure in right.measures)
    for kind in ("json", "csv", "html"):
        given = [*write_table(tmp_path, f'text\n"{text}"\n" "\n'), "--out", str(tmp_path / f"out.{kind}")]
        assert main([*asked, *given]) == 1
    one, wrong = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert (one["verdict"], one["measures"][0]["value"]) == (right.verdict, right.measures[0].value)
    assert "Text is empty" in wrong["error"]
    values = [float(row["value"]) for row in read_rows(tmp_path / "out.csv") if row["value"]]
    assert values == [measure.value for measure in right.measures]
    assert describe_faithfulness(right) in (tmp_path / "out-1.html").read_text("utf-8")


def test_an_attack_runs_for_each_row_and_refuses_a_target_if_it_keeps_the_prediction(model, tmp_path):
    asked = ["attack", "input_reduction", "text_classification", "--model", model]
    given = [*write_table(tmp_path, 'text\nGood soup and bread.\n""\n'), "--out", str(tmp_path / "out.json")]
    assert main([*asked, *given]) == 1
    found, wrong = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert {step["says"] for step in found["steps"]} == {found["steps"][0]["says"]}
    assert wrong["error"].startswith("Text is empty")
    assert main([*asked, "text=Good.", "--target", "neutral"]) == 1  # it keeps what the model says
