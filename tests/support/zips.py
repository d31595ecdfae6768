"""Zip files for tests, and what became of them.

Knows no wheel.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path


def zipped(file: Path, members: Mapping[str, str]) -> Path:
    """A zip file of these texts by their names."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return file


def files(folder: Path) -> set[str]:
    """The paths of all files below a folder, as seen from it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
