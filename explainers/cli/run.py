"""Run a command: turn its options into one request or a table of requests, and write the results."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..engine import canonicalize
from ..errors import BadRequest, ExplainerError, ModelNotFound, ModelRefused, Unreachable
from ..models.catalogue import CARDS
from ..request import Request, Target
from ..tasks import TASKS
from ..tasks.base import Task
from .command import Command, Options, parse_pairs
from .csv_input import Row, Table, read_table
from .output import open_results, print_note, show_progress, write_result

FATAL = (ModelNotFound, ModelRefused, Unreachable)  # would fail in the same way for every row


def run_command(command: Command, options: Options) -> bool:
    """Run a command for all its requests, and return whether all succeeded."""
    task = TASKS[options.task]
    own = command.own_settings(options)
    request = Request(
        task=task.key,
        model=options.model or next((card.key for card in CARDS.values() if task.key in card.tasks), ""),
        inputs={},
        method=options.method or task.method,
        target=Target(options.target, foil=options.foil),
        params={name: value for name, value in parse_pairs(options.set).items() if name not in own},
        seed=options.seed,
    )
    canonicalize(request)  # raises for an unknown setting before the model is loaded
    if not options.input:
        inputs = _get_inputs(task, parse_pairs(options.inputs), Path())
        _run_one(command, replace(request, inputs=inputs), options)
        return True
    if options.inputs or not options.out:
        raise BadRequest("With --input, give all inputs in that file, and the file for the results with --out.")
    return _run_table(command, request, read_table(options.input, task), options.input.parent, options.out, options)


def _run_one(command: Command, request: Request, options: Options) -> None:
    result = command.run(request, options, show_progress())
    if options.out:
        write_result(options.out, command, result)
        print_note(f"{command.summarize(result)} See {options.out}.")
    else:
        print_note("")
        print("\n".join([command.summarize(result), *command.list_details(result)]))


def _run_table(command: Command, request: Request, table: Table, folder: Path, out: Path, options: Options) -> bool:
    failed, rows = 0, table.rows
    with open_results(out, command, table.others) as write:
        for row in rows:
            place = f"{row.number}/{len(rows)} "
            result = _run_row(command, request, row, folder, options, place)
            failed += isinstance(result, ExplainerError)
            summary = f"Error: {result}" if isinstance(result, ExplainerError) else command.summarize(result)
            print_note(place + summary)
            write(row.number, result, row.others)
    print_note(f"{len(rows) - failed} of {len(rows)} rows succeeded: see {out}.")
    return not failed


def _run_row(command: Command, request: Request, row: Row, folder: Path, options: Options, place: str) -> Any:
    """Return the result for a row, or its error. Raises an error that would recur in every row."""
    try:
        if row.extra:
            raise BadRequest("This row has more cells than there are columns. Put a text with commas into quotes.")
        inputs = _get_inputs(TASKS[request.task], row.inputs, folder)
        return command.run(replace(request, inputs=inputs), options, show_progress(place))
    except FATAL:
        raise
    except ExplainerError as error:
        return error


def _get_inputs(task: Task, given: Mapping[str, str], folder: Path) -> dict[str, str | Path]:
    """Return the value of each input; an image is a file, relative to `folder`."""
    kinds = {field.name: field.kind for field in task.fields}
    return {name: _find_file(folder / text) if kinds.get(name) == "image" else text for name, text in given.items()}


def _find_file(file: Path) -> Path:
    if not os.path.isfile(file):  # unlike Path.is_file, false for a name that is too long
        raise BadRequest(f"There is no file {str(file)[:200]!r}.")
    return file
