"""Zip files for tests, and the files that were unpacked."""

import zipfile
from collections.abc import Mapping
from pathlib import Path


def write_zip(file: Path, members: Mapping[str, str]) -> Path:
    """Write a zip file of these texts by their names."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return file


def list_files(folder: Path) -> set[str]:
    """Return the relative paths of all files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
