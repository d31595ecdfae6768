"""A real Chromium and a fresh server: found or installed, never skipped.

Knows no page.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
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
CALM = {"WHEREFORE_THREADS": "1"}  # threads that wait for each other spin, and two servers would stand still
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The path of a Chromium, installed if there is none; None means Playwright's own. Fails with what to do."""
    with open(__file__) as door:
        flock(door, LOCK_EX)  # other processes of the tests look for one too, and apt serves one at a time
        return _found() or _installed()


def _found() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def _installed() -> str | None:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=False)
        if path := _found():
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

    def busy(self, seconds: float) -> float:
        """Processor seconds that the server uses while we wait `seconds`."""
        before = self.process.cpu_times()
        time.sleep(seconds)
        after = self.process.cpu_times()
        return after.user + after.system - before.user - before.system


@contextmanager
def serving(folder: Path, root: Path = ROOT, **environment: str) -> Iterator[Server]:
    """A fresh server of the app in `root`; when it ends, its log in `folder` must hold no traceback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "server.log"
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        f"--server.port={port}",
        "--server.address=127.0.0.1",
    ]
    with open(log, "wb") as sink:
        server = subprocess.Popen(command, cwd=root, stdout=sink, stderr=sink, env=os.environ | CALM | environment)
    try:
        _wait_until_it_answers(f"http://127.0.0.1:{port}/_stcore/health", server, log)
        yield Server(f"http://127.0.0.1:{port}", psutil.Process(server.pid), log)
    finally:
        server.terminate()
        server.wait(20)
    assert "Traceback" not in log.read_text(), log.read_text()


def _wait_until_it_answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"The server did not answer within a minute:\n{log.read_text()}")
