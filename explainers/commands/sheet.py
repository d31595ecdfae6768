"""A table of requests: a CSV file whose columns are a task's inputs.

Knows no model.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadRequest
from ..task import Field, Task

DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Row:
    """A row of the table: its number, 1 being the first under the head, and what it gives for each input."""

    number: int
    inputs: dict[str, str]
    extra: int = 0  # cells that no column is there for


def read(file: Path, task: Task) -> list[Row]:
    """The rows of a file. Raises BadRequest for one that is no table of the task's inputs."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as text:
            return list(_rows(file, text.read(), task))
    except OSError as error:
        raise BadRequest(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadRequest(f"{file} is not text in UTF-8. Save it as CSV in UTF-8.") from None
    except csv.Error as error:
        raise BadRequest(f"{file} is not a table: {error}. Save it as CSV.") from None


def _rows(file: Path, text: str, task: Task) -> Iterator[Row]:
    delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)  # a spreadsheet's own, by its country
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    head = [name.strip() for name in next(reader, [])]
    known = {field.name: field for field in task.fields}
    lacking = [name for name, field in known.items() if name not in head and not _may_lack(field)]
    unknown = [name for name in head if name not in known]
    if lacking or unknown or len(set(head)) < len(head):
        why = f"has no column {lacking[0]!r}" if lacking else f"has a column {(unknown or head)[0]!r}"
        raise BadRequest(f"{file} {why[:100]}. Its first line must name these, each once: {', '.join(known)}.")
    for number, cells in enumerate((cells for cells in reader if cells), 1):
        given = dict(zip(head, cells, strict=False))
        kept = {name: cell for name, cell in given.items() if cell or not _may_lack(known[name])}
        yield Row(number, kept, max(0, len(cells) - len(head)))


def _may_lack(field: Field) -> bool:
    return field.optional or bool(field.default)
