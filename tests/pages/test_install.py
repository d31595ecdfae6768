"""The wheel brings the command `wherefore`, the library and the app, and needs nothing of the repository."""

import os
import subprocess
import sys
import tomllib
from urllib.parse import urljoin

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from playwright.sync_api import expect

from explainers import TASKS
from explainers.settings import PREFIX, PROFILES, read_settings
from tests.pages.conftest import PATIENCE
from tests.support import page_actions
from tests.support.browser import ROOT, start_server

RED = '[theme.light]\nprimaryColor = "#ff0000"\n'
BLUE = "rgb(33, 102, 172)"  # of .streamlit/config.toml


def run(*words, **more):
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True, timeout=300, **more).stdout


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A working directory with Streamlit settings and modules of its own."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for name, text in ((".streamlit/config.toml", RED), ("pages/__init__.py", "1 / 0\n"), ("streamlit.py", "1 / 0\n")):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def wherefore(tmp_path_factory):
    """The command of a wheel in an environment of its own; all other packages come from ours."""
    folder = tmp_path_factory.mktemp("install")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    home = folder / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", home)
    run(sys.executable, "-m", "pip", "--python", home, "install", "--quiet", "--no-deps", "--no-index", wheel)
    (packages,) = home.glob("lib/*/site-packages")
    (packages / "ours.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    return home / "bin" / "wherefore"


def test_the_ranges_of_the_wheel_begin_at_the_pins_that_the_tests_run_with():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    ranges = {each.name: each.specifier for each in map(Requirement, declared)}
    pins = dict(line.split("==") for line in (ROOT / "requirements.txt").read_text().split())
    assert ranges.keys() == pins.keys()
    for name, bounds in ranges.items():
        low, high = sorted(bounds, key=lambda bound: bound.operator, reverse=True)
        assert (low.operator, high.operator) == (">=", "<")
        assert Version(low.version) == Version(pins[name]) < Version(high.version)


@pytest.fixture
def visits(tmp_path, monkeypatch):
    """The file with the address that a browser was asked to open."""
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/visits\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", f"{opener.parent}:{os.environ['PATH']}")
    return tmp_path / "visits"


def test_wherefore_opens_the_app_in_the_browser_and_explains_the_first_example(
    wherefore, elsewhere, page, visits, tmp_path
):
    with start_server(tmp_path, elsewhere, ["env", "STREAMLIT_SERVER_PORT={port}", str(wherefore)]) as server:
        page.goto(server.url)
        text = dict(TASKS["text_classification"].examples[0].inputs)["text"]
        expect(page.locator(".wf-map")).to_have_text(text, timeout=4 * PATIENCE)
        page_actions.wait_for_sentence(page, "POSITIVE")
        icon = page.request.get(urljoin(server.url, page.locator("link[rel*=icon]").get_attribute("href")))
        assert icon.body() == (ROOT / "assets" / "icon.png").read_bytes()
        page.goto(f"{server.url}/image_classification")
        expect(page.get_by_test_id("stImage").locator("img").first).to_be_visible()
        button = page.get_by_role("button", name="Explain", exact=True)
        assert button.evaluate("element => getComputedStyle(element).backgroundColor") == BLUE
        assert listens_on(server) == {"127.0.0.1"}
        assert visits.read_text().split() == [server.url.replace("127.0.0.1", "localhost")]


def test_wherefore_app_serves_a_public_page_and_opens_no_browser(wherefore, elsewhere, visits, tmp_path):
    options = ["--port={port}", "--profile=public", "--no-browser"]
    with start_server(tmp_path, elsewhere, [str(wherefore), "app", *options]) as server:
        assert listens_on(server) == {"0.0.0.0"}
        assert server.process.environ().get(f"{PREFIX}PROFILE") is None  # so the option made it public
    assert not visits.exists()


def listens_on(server):
    return {each.laddr.ip for each in server.process.net_connections("tcp") if each.status == "LISTEN"}


def test_wherefore_explains_on_a_terminal_and_completes_its_own_name(wherefore, elsewhere):
    told = run(wherefore, "explain", "text_classification", "text=I love you", cwd=elsewhere)
    assert "love" in told.splitlines()[1]
    assert "complete -o default -F _wherefore_completion wherefore" in run(wherefore, "--show-completion", "bash")


def test_wherefore_prints_its_settings_as_the_variables_that_set_them(wherefore, elsewhere):
    told = run(wherefore, "settings", cwd=elsewhere, env=os.environ | {f"{PREFIX}PROFILE": "public"})
    assert read_settings(dict(line.split("=", 1) for line in told.splitlines())) == PROFILES["public"]
