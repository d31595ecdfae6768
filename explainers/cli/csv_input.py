"""A CSV file of requests: one per row, with the task's inputs as columns, and others that are passed through."""

import csv
import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadRequest
from ..tasks.base import Field, Task

DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Row:
    """A row of the file: its number, counted from 1 below the header, and the text of each input.

    `others` are its cells in the columns that are no inputs; `extra` counts the cells beyond the last column.
    """

    number: int
    inputs: dict[str, str]
    others: tuple[str, ...] = ()
    extra: int = 0


@dataclass(frozen=True)
class Table:
    """The rows of a file, and the names of its columns that are no inputs."""

    rows: tuple[Row, ...]
    others: tuple[str, ...] = ()


def read_table(file: Path, task: Task) -> Table:
    """Read a file. Raises BadRequest if it is not a table with the task's inputs."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as text:
            return _parse_table(file, text.read(), task)
    except OSError as error:
        raise BadRequest(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadRequest(f"{file} is not text in UTF-8. Save it as CSV in UTF-8.") from None
    except csv.Error as error:
        raise BadRequest(f"{file} is not a table: {error}. Save it as CSV.") from None


def _parse_table(file: Path, text: str, task: Task) -> Table:
    delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)  # spreadsheets choose it by the locale
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    fields = {field.name: field for field in task.fields}
    header = _match_names([name.strip() for name in next(reader, [])], fields)
    missing = [name for name, field in fields.items() if name not in header and not _is_optional(field)]
    twice = [name for name in fields if header.count(name) > 1]
    if missing or twice:
        reason = f"has no column {missing[0]!r}" if missing else f"has more than one column {twice[0]!r}"
        raise BadRequest(
            f"{file} {reason}. Its first line must name these, each once: {', '.join(fields)}. "
            "Other columns are copied to the results."
        )
    rows = []
    for number, cells in enumerate((cells for cells in reader if cells), 1):
        filled = [*cells, *[""] * (len(header) - len(cells))]
        named = [(name, cell) for name, cell in zip(header, cells, strict=False) if name in fields]
        inputs = {name: cell for name, cell in named if cell or not _is_optional(fields[name])}
        others = tuple(cell for name, cell in zip(header, filled, strict=False) if name not in fields)
        rows.append(Row(number, inputs, others, max(0, len(cells) - len(header))))
    return Table(tuple(rows), tuple(name for name in header if name not in fields))


def _match_names(header: list[str], fields: Collection[str]) -> list[str]:
    """Return the header with the inputs' names as the task has them: `Text` is `text` if no other column is."""
    folded = [name.casefold() for name in header]
    return [
        own if own in fields and own not in header and folded.count(own) == 1 else name
        for name, own in zip(header, folded, strict=True)
    ]


def _is_optional(field: Field) -> bool:
    return field.optional or bool(field.default)
