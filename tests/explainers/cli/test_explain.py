"""The command `explain` gives the library's results, for one request and for tables."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from explainers import METHODS, TASKS, Request, explain
from explainers.attacks import ATTACKS
from explainers.cli import main, output, parser
from explainers.export.html import to_html
from explainers.export.serialize import FORMULA, from_json
from explainers.request import Picture
from tests.support.image_models import make_image_model
from tests.support.nli import NLI, make_named
from tests.support.tables import read_rows, write_table
from tests.support.tiny import tiny

ROOT = Path(__file__).parents[3]
LABELLED = ("text_classification", "multi_label_classification", "pair_classification", "zero_shot_classification")


def parts(task):
    match task:
        case "image_classification":
            return make_image_model("resnet")
        case "translation" | "text_generation":
            return tiny({"translation": "bart", "text_generation": "gpt2"}[task], task=task)
    return make_named("bert", NLI) if task in LABELLED else tiny("bert", task=task)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Makes the folder of a tiny model for a task, once."""
    made = {}

    def of(task):
        if task not in made:
            made[task] = tmp_path_factory.mktemp(task)
            for part in parts(task):
                part.save_pretrained(made[task])
        return str(made[task])

    return of


@pytest.fixture
def bert(folder):
    return ["explain", "text_classification", "--model", folder("text_classification"), "--method", "saliency"]


@pytest.mark.parametrize("task", ["text_classification", *[key for key in TASKS if key != "text_classification"]])
def test_the_command_explain_gives_the_librarys_result_for_every_task(task, folder, tmp_path):
    inputs, words = dict(TASKS[task].examples[0].inputs), []
    for name, given in inputs.items():
        if isinstance(given, Picture):
            (tmp_path / "picture.jpg").write_bytes(given.data)
        words.append(f"{name}={tmp_path / 'picture.jpg' if isinstance(given, Picture) else given}")
    out = tmp_path / "out.json"
    asked = ["explain", task, *words, "--model", folder(task), "--method", "saliency", "--set", "norm=L2"]
    assert main([*asked, "--out", str(out)]) == 0
    right = explain(Request(task, folder(task), inputs, "saliency", params={"norm": "L2"}))
    found = from_json(out.read_text("utf-8"))
    np.testing.assert_array_equal(found.scores, right.scores)
    assert (found.targets, found.request.to_query()) == (right.targets, right.request.to_query())


def test_the_summary_is_a_sentence_and_the_words_with_the_largest_scores(capsys):
    assert main(["explain", "text_classification", "text=I love you, I like you", "--foil", "NEGATIVE"]) == 0
    told, strongest, *_ = capsys.readouterr().out.splitlines()
    assert told.startswith("The model predicts POSITIVE (")
    assert "POSITIVE rather than NEGATIVE" in told
    assert strongest.split()[1] == "love"


@pytest.mark.slow
def test_python_runs_a_command_and_gives_its_exit_code(tmp_path):
    asked = [
        sys.executable,
        "-m",
        "explainers",
        "explain",
        "text_classification",
        "text=Good.",
        "--model",
        str(tmp_path),
    ]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is not a folder with a config.json" in done.stderr


def test_target_foil_and_seed_are_those_of_the_request(bert, tmp_path):
    out = tmp_path / "out.json"
    asked = [*bert, "text=Good soup.", "--target", "neutral", "--foil", "contradiction", "--seed", "3"]
    assert main([*asked, "--out", str(out)]) == 0
    request = from_json(out.read_text("utf-8")).request
    assert (request.target.label, request.target.foil, request.seed) == ("neutral", "contradiction", 3)


def test_an_html_file_is_the_librarys(bert, tmp_path):
    for kind in ("html", "json"):
        assert main([*bert, "text=Good soup.", "--out", str(tmp_path / f"out.{kind}")]) == 0
    right = to_html(from_json((tmp_path / "out.json").read_text("utf-8")))
    found = (tmp_path / "out.html").read_text("utf-8")
    took = re.compile(r"in \d+\.\d s|\d+\.\d seconds")
    assert took.sub("", found) == took.sub("", right)


def test_each_row_of_a_table_has_results_or_an_error(bert, tmp_path, capsys):
    out = tmp_path / "out.csv"
    given = write_table(tmp_path, 'text\n"Good soup, cold"\n" "\nI love you,too many\n"one\ntwo"\n')
    assert main([*bert, *given, "--out", str(out)]) == 1
    found = read_rows(out)
    assert [row["row"] for row in found if row["error"]] == ["2", "3"]
    assert "Text is empty" in next(row["error"] for row in found if row["row"] == "2")
    assert {row["row"] for row in found if row["score"]} == {"1", "4"}
    right = explain(Request("text_classification", bert[3], {"text": "Good soup, cold"}, "saliency"))
    scores = [float(row["score"]) for row in found if row["row"] == "1"]
    np.testing.assert_array_equal(np.float32(scores), right.scores[0])
    said = capsys.readouterr()
    assert said.out == ""
    assert [line[:3] for line in said.err.splitlines()] == ["1/4", "2/4", "3/4", "4/4", "2 o"]


def test_a_table_becomes_a_json_list_or_one_html_page_per_row(bert, tmp_path):
    given = write_table(tmp_path, "text\nGood soup.\n\nBad bread.\n\u2028\n")
    assert main([*bert, *given, "--out", str(tmp_path / "out.json")]) == 1
    one, other, wrong = json.loads((tmp_path / "out.json").read_text("utf-8"))
    texts = [from_json(json.dumps(found)).request.texts["text"] for found in (one, other)]
    assert texts == ["Good soup.", "Bad bread."]
    assert wrong == {"row": 3, "error": "Text is empty. Type a sentence."}
    assert main([*bert, *given, "--out", str(tmp_path / "out.html")]) == 1
    pages = sorted(file.name for file in tmp_path.glob("*.html"))
    assert pages == ["out-1.html", "out-2.html"]
    assert "bread" in (tmp_path / "out-2.html").read_text("utf-8")


def test_other_columns_are_passed_through(bert, tmp_path):
    given = write_table(tmp_path, "id,Text,score,gold\n7,Good soup.,=A1,pos\n8,,2,neg\n9,Bad.\n")
    out = tmp_path / "out.csv"
    assert main([*bert, *given, "--out", str(out)]) == 1
    found = read_rows(out)
    passed = {row["row"]: (row["id"], row["in.score"], row["gold"]) for row in found}
    assert passed == {"1": ("7", "'=A1", "pos"), "2": ("8", "2", "neg"), "3": ("9", "", "")}
    right = explain(Request("text_classification", bert[3], {"text": "Good soup."}, "saliency"))
    np.testing.assert_array_equal(np.float32([row["score"] for row in found if row["id"] == "7"]), right.scores[0])
    assert main([*bert, *given, "--out", str(tmp_path / "out.json")]) == 1
    one, wrong, _ = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert one["columns"] == {"id": "7", "score": "=A1", "gold": "pos"}
    assert from_json(json.dumps(one)).request.texts == {"text": "Good soup."}
    assert wrong["columns"]["id"] == "8"
    assert wrong["row"] == 2


def test_an_exact_name_is_preferred_to_one_in_another_case(bert, tmp_path):
    out = tmp_path / "out.csv"
    assert main([*bert, *write_table(tmp_path, "Text,text\nBad.,Good soup.\n"), "--out", str(out)]) == 0
    assert {row["Text"] for row in read_rows(out)} == {"Bad."}
    assert "g" in {row["text"] for row in read_rows(out)}


def test_columns_may_be_in_any_order_and_separated_by_semicolons(folder, tmp_path):
    asked = ["explain", "pair_classification", "--model", folder("pair_classification"), "--method", "saliency"]
    given = write_table(tmp_path, "\ufefftext_b;text_a\nis, so;Why\n")
    assert main([*asked, *given, "--out", str(tmp_path / "out.json")]) == 0
    (found,) = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert found["request"]["in.text_a"] == "Why"
    assert found["request"]["in.text_b"] == "is, so"


def test_an_image_of_a_table_is_relative_to_its_folder_and_a_missing_one_is_an_error(folder, tmp_path, monkeypatch):
    picture = dict(TASKS["image_classification"].examples[0].inputs)["image"]
    (tmp_path / "a.jpg").write_bytes(picture.data)
    given = write_table(tmp_path, "image\na.jpg\nb.jpg\n")
    asked = ["explain", "image_classification", "--model", folder("image_classification"), "--method", "saliency"]
    monkeypatch.chdir(ROOT)
    assert main([*asked, *given, "--out", str(tmp_path / "out.json")]) == 1
    found, wrong = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert found["request"]["im.image"] == picture.sha256
    assert "b.jpg" in wrong["error"]


def test_no_cell_can_be_read_as_a_formula(folder, tmp_path):
    out = tmp_path / "out.csv"
    given = write_table(tmp_path, 'text,labels\n"Good soup.","=A1,@b,-2"\n')
    asked = [
        "explain",
        "zero_shot_classification",
        "--model",
        folder("zero_shot_classification"),
        "--method",
        "saliency",
    ]
    assert main([*asked, *given, "--out", str(out)]) == 0
    cells = {row[name] for row in read_rows(out) for name in ("target", "text", "error")}
    assert {"'=A1", "'@b", "'-2"} <= cells
    assert not [cell for cell in cells if cell.startswith(FORMULA)]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (None, "cannot be read: No such file"),
        (b"", "has no column 'text'"),
        (b"words\nGood.\n", "has no column 'text'. Its first line must name these, each once: text."),
        (b"text,text\nGood.,x\n", "has more than one column 'text'"),
        (b"\xff\xfe\x00text", "is not text in UTF-8"),
        (b'text\n"Good.', "is not a table"),
    ],
)
def test_a_file_that_is_not_a_table_of_requests_is_refused(bert, tmp_path, capsys, data, why):
    file = tmp_path / "in.csv"
    if data is not None:
        file.write_bytes(data)
    assert main([*bert, "--input", str(file), "--out", str(tmp_path / "out.csv")]) == 1
    said = capsys.readouterr().err
    assert why in said
    assert "in.csv" in said
    assert not (tmp_path / "out.csv").exists()


def test_an_error_of_every_row_is_reported_once(bert, tmp_path, capsys):
    given = [*write_table(tmp_path, "text\nGood.\nBad.\n"), "--out", str(tmp_path / "out.csv")]
    assert main([*bert, *given, "--model", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("is not a folder with a config.json") == 1
    assert main([*bert, *given, "--set", "steps=3"]) == 1
    assert capsys.readouterr().err.count("has no setting 'steps'") == 1


def test_a_file_that_cannot_be_written_is_refused(bert, tmp_path, capsys):
    assert main([*bert, "text=Good.", "--out", str(tmp_path / "none" / "out.csv")]) == 1
    assert "out.csv cannot be written: No such file or directory." in capsys.readouterr().err


def test_a_table_stopped_by_ctrl_c_keeps_its_results(bert, tmp_path, monkeypatch, capsys):
    answered = []

    def once(request, *, progress):
        if answered:
            raise KeyboardInterrupt
        answered.append(explain(request))
        return answered[0]

    monkeypatch.setattr("explainers.cli.explain.explain", once)
    given = write_table(tmp_path, "text\nGood.\nBad.\n")
    assert main([*bert, *given, "--out", str(tmp_path / "out.json")]) == 130
    assert len(json.loads((tmp_path / "out.json").read_text("utf-8"))) == 1
    assert "Stopped." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["nonsense"], "'nonsense' is not NAME=VALUE"),
        (["text=Good.", "--out", "out.txt"], "does not end in .html, .json, .csv"),
        (["--method", "nonsense"], "'nonsense' is not one of allennlp_gradient, "),
        (["--seed", "x"], "'--seed': Input should be a valid integer"),
        (["text=\udcff"], "is not NAME=VALUE in UTF-8"),
        (["-x=Good."], "No such option: -x"),
    ],
)
def test_wrong_usage_exits_with_2_and_the_reason(bert, capsys, more, why):
    assert main([*bert, *more]) == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--input", "in.csv"], ["--input", "in.csv", "--out", "out.csv", "text=Good."]])
def test_a_table_needs_an_output_file_and_contains_all_inputs(bert, capsys, more):
    assert main([*bert, *more]) == 1
    assert "With --input" in capsys.readouterr().err


def test_the_help_names_every_task_input_method_and_setting():
    said = re.sub(r"\[/?cyan\]", "", parser.format_catalogue(ATTACKS))
    words = set(said.split())
    for task in TASKS.values():
        assert {task.key, *(f"{field.name}=" for field in task.fields)} <= words
    for method in (*METHODS.values(), *ATTACKS.values()):
        assert method.key in words
        assert {param.name for param in method.params} <= {word.partition("=")[0] for word in words}
        assert method.summary in " ".join(said.split())


@pytest.mark.parametrize("verb", ["explain", "attack", "evaluate", "fetch", "settings", "app"])
def test_help_fits_80_columns_and_ends_with_zero(verb, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main([verb, "--help"]) == 0
    told = capsys.readouterr().out
    assert main([verb, "-h"]) == 0
    assert capsys.readouterr().out == told
    assert f"python -m explainers {verb}" in told
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.slow
def test_bash_completes_verbs_tasks_methods_and_models(tmp_path):
    made = [sys.executable, "-m", "explainers", "--show-completion", "bash"]
    script = subprocess.run(made, cwd=ROOT, capture_output=True, text=True, check=True, timeout=200).stdout
    lines = ["explainers expl", "explainers explain fill_m", "explainers explain fill_mask --method occ"]
    for line in lines:
        script += f"\nCOMP_WORDS=({line}); COMP_CWORD={len(line.split()) - 1}; _explainers_completion explainers"
        script += '; echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=200)
    assert done.stdout.split() == ["explain", "fill_mask", "occlusion"]


def test_progress_updates_one_line_of_a_terminal_and_is_silent_elsewhere(monkeypatch, capsys):
    output.show_progress("3/9 ")("One pass", 0.5)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    output.show_progress("3/9 ")("One pass", 0.5)
    output.print_note("done \x1b[2J")
    assert capsys.readouterr().err == "\r\x1b[K3/9 One pass  50%\r\x1b[Kdone [001B][2J\n"
