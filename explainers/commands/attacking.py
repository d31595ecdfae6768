"""The command that attacks: other words, and what the model says of them.

Knows no file.
"""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import replace

from ..attacks import ATTACKS
from ..data import Progress
from ..edits import Attack
from ..engine import attack
from ..export import cell
from ..request import Request, Target
from ..standalone import page
from ..views.attack import said, steps
from ..views.diff import diff
from ..views.html import lead, table
from ..views.text import bare, escaped, field_name, likelihood
from .verb import Verb

FORMAT = "wherefore-attack/1"
HEAD = ("step", "change", "says", "probability", "estimate", "text")


def words(parser: ArgumentParser) -> None:
    """The words of this command alone."""
    parser.add_argument("attack", choices=ATTACKS, metavar="ATTACK", help="one of the attacks below")
    parser.add_argument("--field", default="", help="the input that is changed; else the task's first")
    parser.add_argument("--protect", default="", metavar="WORDS", help="words that must stay, with commas between")


def own(asked: Namespace) -> frozenset[str]:
    """The settings that are the attack's, and not the request's."""
    return frozenset(knob.name for knob in ATTACKS[asked.attack].params)


def run(request: Request, asked: Namespace, progress: Progress) -> Attack:
    """Attack what the model says; --target is what it is to say instead."""
    return attack(
        asked.attack,
        replace(request, target=Target()),
        target=asked.target,
        field=asked.field,
        protected=asked.protect,
        params={name: value for name, value in asked.set if name in own(asked)},
        progress=progress,
    )


def listed(found: Attack) -> Iterator[str]:
    """Each step with what the model says of it."""
    for step in found.trajectory:
        yield f"{step.says} {likelihood(step.probability)}  {step.text}"


def to_json(found: Attack) -> str:
    """What was attacked, how, and every step."""
    plain = {
        "format": FORMAT,
        "request": found.request.to_query(),
        "attack": found.key,
        "settings": dict(found.params),
        "field": found.field,
        "protected": found.protected,
        "wanted": found.wanted.label if found.wanted else None,
        "success": found.success,
        "reason": found.reason,
        "steps": steps(found),
        "shortest": [step.text for step in found.minimal],
        "evaluations": found.evaluations,
        "seconds": found.seconds,
    }
    return json.dumps(plain, ensure_ascii=False, allow_nan=False)


def to_html(found: Attack) -> str:
    """What came of it as one page: a sentence, the changed text, and every step."""
    steps = (
        (f"{escaped(step.says)} {escaped(likelihood(step.probability))}", f"<bdi>{escaped(step.text)}</bdi>")
        for step in found.trajectory
    )
    code = f"attack({found.key!r}, {found.request!r}, field={found.field!r}, protected={found.protected!r})"
    return page(
        f"<section>{lead(said(found))}{diff(found.texts[0], found.edits, field_name(found.field))}"
        f"{table(steps, ('The model says', 'Text'))}</section>",
        f"from explainers import Request, Target, attack\n\n{code}\n",
    )


def lines(found: Attack) -> Iterator[tuple[object, ...]]:
    """The rows of a table under HEAD: one a step."""
    for row in steps(found):
        yield tuple(cell(value) if isinstance(value, str) else value for value in (row[name] for name in HEAD))


ATTACK = Verb(
    name="attack",
    help="change a text's words until the model says something else, or drop those that it does not need",
    run=run,
    said=lambda found: bare(said(found)),
    listed=listed,
    json=to_json,
    html=to_html,
    head=HEAD,
    lines=lines,
    words=words,
    own=own,
    tools=ATTACKS,
)
