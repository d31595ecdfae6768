"""Write results to files, for one request or a table of them, and notes and progress to a terminal."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TextIO

from ..errors import BadRequest, ExplainerError
from ..export.serialize import escape_cell, make_writer
from ..progress import Progress
from ..request import INPUT
from ..visualization.text.escape import show_controls
from .command import Command

Write = Callable[[int, Any, Sequence[str]], None]
"""Writes the result or the error of the row with this number, and its cells that are passed through."""
CLEAR_LINE = "\r\x1b[K"


def write_result(file: Path, command: Command, result: Any) -> None:
    """Write one result in the format of the file's suffix."""
    suffix = file.suffix.lower()
    with _open(file) as out:
        if suffix == ".csv":
            make_writer(out).writerows([command.header, *command.to_rows(result)])
        else:
            out.write(command.to_html(result) if suffix == ".html" else command.to_json(result))


def open_results(file: Path, command: Command, others: Sequence[str]) -> AbstractContextManager[Write]:
    """Open a file for the results of many rows; HTML is one file per row, numbered.

    `others` names the cells that are passed through: columns of a table, `columns` of an object.
    """
    kinds = {".html": _write_pages, ".json": _write_objects, ".csv": _write_rows}
    return kinds[file.suffix.lower()](file, command, others)


def print_note(text: str) -> None:
    """Print a line on stderr, with control characters made visible."""
    print((CLEAR_LINE if sys.stderr.isatty() else "") + show_controls(text), file=sys.stderr, flush=True)


def show_progress(prefix: str = "") -> Progress:
    """Return a Progress that updates one line of a terminal; silent if stderr is not a terminal."""

    def progress(what: str, share: float) -> None:
        if sys.stderr.isatty():
            print(f"{CLEAR_LINE}{prefix}{show_controls(what)} {share:4.0%}", end="", file=sys.stderr, flush=True)

    return progress


def _open(file: Path) -> TextIO:
    try:
        return open(file, "w", encoding="utf-8", newline="")
    except OSError as error:
        raise BadRequest(f"{file} cannot be written: {error.strerror}.") from None


@contextmanager
def _write_rows(file: Path, command: Command, others: Sequence[str]) -> Iterator[Write]:
    own = ["row", "error", *command.header]
    with _open(file) as out:
        table = make_writer(out)
        table.writerow([*own, *(escape_cell(INPUT + name if name in own else name) for name in others)])

        def write(row: int, result: Any, cells: Sequence[str]) -> None:
            passed = [escape_cell(cell) for cell in cells]
            if isinstance(result, ExplainerError):
                table.writerow([row, escape_cell(str(result)), *[""] * len(command.header), *passed])
            else:
                table.writerows([row, "", *numbers, *passed] for numbers in command.to_rows(result))
            out.flush()

        yield write


@contextmanager
def _write_objects(file: Path, command: Command, others: Sequence[str]) -> Iterator[Write]:
    """Write a list with one object per row, closed even if the run is interrupted."""
    with _open(file) as out:
        before = "[\n"

        def write(row: int, result: Any, cells: Sequence[str]) -> None:
            nonlocal before
            failed = isinstance(result, ExplainerError)
            error = {"row": row, "error": str(result)}
            text = json.dumps(error, ensure_ascii=False) if failed else command.to_json(result)
            if others:
                columns = json.dumps(dict(zip(others, cells, strict=True)), ensure_ascii=False)
                text = f'{{"columns": {columns}, {text.removeprefix("{")}'
            out.write(before + text)
            out.flush()
            before = ",\n"

        try:
            yield write
        finally:
            out.write("\n]\n" if before == ",\n" else "[]\n")


@contextmanager
def _write_pages(file: Path, command: Command, others: Sequence[str]) -> Iterator[Write]:
    def write(row: int, result: Any, cells: Sequence[str]) -> None:
        if not isinstance(result, ExplainerError):
            write_result(file.with_name(f"{file.stem}-{row}{file.suffix}"), command, result)

    yield write
