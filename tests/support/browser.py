"""A real Chromium, installed if there is none, and a fresh server of the app."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parent.parent.parent
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ENVIRONMENT = {"WHEREFORE_THREADS": "1"}  # waiting threads spin: two servers with more would block each other
STREAMLIT = [
    sys.executable,
    *["-m", "streamlit", "run", "app.py", "--server.address=127.0.0.1", "--server.port={port}"],
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """Return the path of a Chromium, installed if there is none; None means Playwright's own."""
    with open(__file__) as lock:
        flock(lock, LOCK_EX)  # other test processes may install one too, and apt runs one at a time
        return _search_path() or _install_chromium()


def _search_path() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def _install_chromium() -> str | None:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=False)
        if path := _search_path():
            return path
    if subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False).returncode == 0:
        return None
    pytest.fail(
        "No Chromium, and none could be installed. Install Debian's package chromium, or run: playwright install"
    )


@dataclass(frozen=True)
class Server:
    """A running app: its address, its process and its log."""

    url: str
    process: psutil.Process
    log: Path

    def measure_load(self, seconds: float) -> float:
        """Return the processor seconds that the server uses in the next `seconds`."""
        before = self.process.cpu_times()
        time.sleep(seconds)
        after = self.process.cpu_times()
        return after.user + after.system - before.user - before.system


@contextmanager
def start_server(
    folder: Path, root: Path = ROOT, command: Sequence[str] = STREAMLIT, **environment: str
) -> Iterator[Server]:
    """Run the command that starts the app in `root`; when it ends, its log in `folder` must contain no traceback."""
    variables = os.environ | ENVIRONMENT | environment
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "server.log"
    words = [word.replace("{port}", str(port)) for word in command]
    with open(log, "wb") as sink:
        server = subprocess.Popen(words, cwd=root, stdout=sink, stderr=sink, env=variables)
    try:
        _wait_for_health(f"http://127.0.0.1:{port}/_stcore/health", server, log)
        yield Server(f"http://127.0.0.1:{port}", psutil.Process(server.pid), log)
    finally:
        server.terminate()
        server.wait(20)
    assert "Traceback" not in log.read_text(), log.read_text()


def _wait_for_health(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"The server did not answer within a minute:\n{log.read_text()}")
