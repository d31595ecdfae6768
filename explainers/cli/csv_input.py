"""A CSV file of requests: one per row, with the task's inputs as columns."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadRequest
from ..tasks.base import Field, Task

DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Row:
    """A row of the file: its number, counted from 1 below the header, and the text of each input."""

    number: int
    inputs: dict[str, str]
    extra: int = 0  # number of cells beyond the last column


def read_rows(file: Path, task: Task) -> list[Row]:
    """Read all rows of a file. Raises BadRequest if it is not a table of the task's inputs."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as text:
            return list(_parse_rows(file, text.read(), task))
    except OSError as error:
        raise BadRequest(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadRequest(f"{file} is not text in UTF-8. Save it as CSV in UTF-8.") from None
    except csv.Error as error:
        raise BadRequest(f"{file} is not a table: {error}. Save it as CSV.") from None


def _parse_rows(file: Path, text: str, task: Task) -> Iterator[Row]:
    delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)  # spreadsheets choose it by the locale
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header = [name.strip() for name in next(reader, [])]
    fields = {field.name: field for field in task.fields}
    missing = [name for name, field in fields.items() if name not in header and not _is_optional(field)]
    unknown = [name for name in header if name not in fields]
    if missing or unknown or len(set(header)) < len(header):
        reason = f"has no column {missing[0]!r}" if missing else f"has a column {(unknown or header)[0]!r}"
        raise BadRequest(f"{file} {reason[:100]}. Its first line must name these, each once: {', '.join(fields)}.")
    for number, cells in enumerate((cells for cells in reader if cells), 1):
        inputs = {
            name: cell for name, cell in zip(header, cells, strict=False) if cell or not _is_optional(fields[name])
        }
        yield Row(number, inputs, max(0, len(cells) - len(header)))


def _is_optional(field: Field) -> bool:
    return field.optional or bool(field.default)
