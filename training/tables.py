"""Rows of the data files: tab- or comma-separated, plain or gzipped."""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file, which may be stored as `path` or `path`.gz."""
    packed = path.with_name(path.name + ".gz")
    source, opener = (packed, gzip.open) if packed.exists() else (path, open)
    with opener(source, "rt", encoding="utf-8-sig") as file:
        for line in file:
            yield line.rstrip("\r\n")


def read_tsv(path: Path, *, header: bool = True) -> Iterator[list[str]]:
    """Yield cells of a tab-separated file without quoting."""
    rows = (line.split("\t") for line in read_lines(path))
    if header:
        next(rows)
    return rows


def read_csv(path: Path, *, separator: str = ",", header: bool = True) -> Iterator[list[str]]:
    """Yield cells of a file with csv quoting."""
    rows = csv.reader((line + "\n" for line in read_lines(path)), delimiter=separator)
    if header:
        next(rows)
    return rows
