"""Answers as files: one in one file, or those of a whole table as they come.

Knows no command.
"""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from ..errors import BadRequest, ExplainerError
from ..export import cell, writer
from .verb import Verb

Write = Callable[[int, Any], None]
"""Takes the number of a row, and its answer or what went wrong with it."""
KINDS = (".html", ".json", ".csv")


def one(file: Path, verb: Verb, answer: Any) -> None:
    """Write one answer, in the format that the file's name ends in."""
    formats: dict[str, Callable[[Any], str]] = {".html": verb.html, ".json": verb.json, ".csv": partial(_table, verb)}
    with _new(file) as out:
        out.write(formats[kind(file)](answer))


def many(file: Path, verb: Verb) -> AbstractContextManager[Write]:
    """A file for the answers of many rows: of pages there is one a row, beside each other."""
    return {".html": _pages, ".json": _objects, ".csv": _rows}[kind(file)](file, verb)


def kind(file: Path) -> str:
    """The format that a file's name ends in, one of KINDS if it is any that we write."""
    return file.suffix.lower()


def page(file: Path, row: int) -> Path:
    """The page of a row."""
    return file.with_name(f"{file.stem}-{row}{file.suffix}")


def _new(file: Path) -> TextIO:
    try:
        return open(file, "w", encoding="utf-8", newline="")
    except OSError as error:
        raise BadRequest(f"{file} cannot be written: {error.strerror}.") from None


def _table(verb: Verb, answer: Any) -> str:
    sheet = io.StringIO()
    writer(sheet).writerows([verb.head, *verb.lines(answer)])
    return sheet.getvalue()


@contextmanager
def _rows(file: Path, verb: Verb) -> Iterator[Write]:
    with _new(file) as out:
        sheet = writer(out)
        sheet.writerow(["row", "error", *verb.head])

        def write(row: int, answer: Any) -> None:
            if isinstance(answer, ExplainerError):
                sheet.writerow([row, cell(str(answer)), *[""] * len(verb.head)])
            else:
                sheet.writerows([row, "", *line] for line in verb.lines(answer))
            out.flush()

        yield write


@contextmanager
def _objects(file: Path, verb: Verb) -> Iterator[Write]:
    """A list with an object a row, closed even if the run is stopped."""
    with _new(file) as out:
        before = "[\n"

        def write(row: int, answer: Any) -> None:
            nonlocal before
            wrong = isinstance(answer, ExplainerError)
            text = json.dumps({"row": row, "error": str(answer)}, ensure_ascii=False) if wrong else verb.json(answer)
            out.write(before + text)
            out.flush()
            before = ",\n"

        try:
            yield write
        finally:
            out.write("\n]\n" if before == ",\n" else "[]\n")


@contextmanager
def _pages(file: Path, verb: Verb) -> Iterator[Write]:
    def write(row: int, answer: Any) -> None:
        if not isinstance(answer, ExplainerError):
            one(page(file, row), verb, answer)

    yield write
