"""From the words of a command to its Requests, one or a table of them, and their answers.

Knows no model, and not what a command does with a request.
"""

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..engine import canonical
from ..errors import BadRequest, ExplainerError, ModelNotFound, ModelRefused, Unreachable
from ..models.catalogue import CARDS
from ..request import Request, Target
from ..task import Task
from ..tasks import TASKS
from . import files, sheet
from .terminal import note, shown
from .verb import Verb

HOPELESS = (ModelNotFound, ModelRefused, Unreachable)  # for every row of a table alike


def ask(verb: Verb, asked: Namespace) -> bool:
    """Answer what is asked for; whether all went well."""
    task = TASKS[asked.task]
    draft = Request(
        task=task.key,
        model=asked.model or next((card.key for card in CARDS.values() if task.key in card.tasks), ""),
        inputs={},
        method=asked.method or task.method,
        target=Target(asked.target, foil=asked.foil),
        params={name: value for name, value in asked.set if name not in verb.own(asked)},
        seed=asked.seed,
    )
    canonical(draft)  # raises for a setting that is none, before anything is loaded
    if asked.input:
        if asked.inputs or not asked.out:
            raise BadRequest("With --input, give inputs in the file alone, and say with --out where the answers go.")
        return _many(verb, draft, sheet.read(asked.input, task), asked)
    return _one(verb, replace(draft, inputs=_inputs(task, dict(asked.inputs), Path())), asked)


def _one(verb: Verb, request: Request, asked: Namespace) -> bool:
    answer = verb.run(request, asked, shown())
    if asked.out:
        files.one(asked.out, verb, answer)
        note(f"{verb.said(answer)} See {asked.out}.")
    else:
        note("")
        print("\n".join([verb.said(answer), *verb.listed(answer)]))
    return True


def _many(verb: Verb, draft: Request, rows: list[sheet.Row], asked: Namespace) -> bool:
    failed = 0
    with files.many(asked.out, verb) as write:
        for row in rows:
            place = f"{row.number}/{len(rows)} "
            answer = _answered(verb, draft, row, asked, place)
            failed += isinstance(answer, ExplainerError)
            note(place + (f"Error: {answer}" if isinstance(answer, ExplainerError) else verb.said(answer)))
            write(row.number, answer)
    note(f"{len(rows) - failed} of {len(rows)} rows are answered: see {asked.out}.")
    return not failed


def _answered(verb: Verb, draft: Request, row: sheet.Row, asked: Namespace, place: str) -> Any:
    """The answer to a row, or what was wrong with it. Raises what would be wrong with every other too."""
    try:
        if row.extra:
            raise BadRequest("This row has more cells than there are columns. Put a text with commas into quotes.")
        inputs = _inputs(TASKS[draft.task], row.inputs, asked.input.parent)
        return verb.run(replace(draft, inputs=inputs), asked, shown(place))
    except HOPELESS:
        raise
    except ExplainerError as error:
        return error


def _inputs(task: Task, given: Mapping[str, str], folder: Path) -> dict[str, str | Path]:
    """What is given for each input; an image is a file, named from `folder`."""
    kinds = {field.name: field.kind for field in task.fields}
    return {name: _image(folder / text) if kinds.get(name) == "image" else text for name, text in given.items()}


def _image(file: Path) -> Path:
    if not file.is_file():
        raise BadRequest(f"There is no file {str(file)[:200]!r}.")
    return file
