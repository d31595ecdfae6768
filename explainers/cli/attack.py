"""The command that attacks: changed texts, and what the model predicts for them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

from typer import Argument, Option

from ..attacks import ATTACKS
from ..engine import attack
from ..export.html import make_page
from ..export.serialize import escape_cell
from ..progress import Progress
from ..request import Request, Target
from ..results.attack import Attack
from ..visualization.html import add_style, render_lead, render_table
from ..visualization.summaries.attack import describe_attack, list_steps
from ..visualization.text.diff import render_diff
from ..visualization.text.escape import escape, strip_markup
from ..visualization.text.format import format_probability, name_field
from .command import Command, Options, choose_from, parse_pairs

FORMAT = "wherefore-attack/1"
HEADER = ("step", "change", "says", "probability", "estimate", "text")


@dataclass(frozen=True, kw_only=True)
class AttackArgument:
    """The argument that comes before TASK."""

    attack: Annotated[str, Argument(metavar="ATTACK", help="attack, listed below", **choose_from(ATTACKS))]


@dataclass(frozen=True, kw_only=True)
class AttackOptions(Options, AttackArgument):  # a dataclass orders the fields of its last base first
    """The options of the command."""

    target: Annotated[str | None, Option(metavar="LABEL", help="label to reach (default: any other)")] = None
    field: Annotated[str, Option(metavar="NAME", help="input to change (default: the task's first)")] = ""
    protect: Annotated[str, Option(metavar="WORDS", help="words to keep, separated by commas")] = ""


def get_own_settings(options: AttackOptions) -> frozenset[str]:
    """Return the names of the attack's settings."""
    return frozenset(param.name for param in ATTACKS[options.attack].params)


def run(request: Request, options: AttackOptions, progress: Progress) -> Attack:
    """Attack the prediction; `options.target` is the label to reach, not the label to explain."""
    own = get_own_settings(options)
    return attack(
        options.attack,
        replace(request, target=Target()),
        target=options.target,
        field=options.field,
        protected=options.protect,
        params={name: value for name, value in parse_pairs(options.set).items() if name in own},
        progress=progress,
    )


def list_details(result: Attack) -> Iterator[str]:
    """List each step with the prediction for its text."""
    for step in result.trajectory:
        yield f"{step.label} {format_probability(step.probability)}  {step.text}"


def to_json(result: Attack) -> str:
    """Serialise the request, the attack and every step."""
    plain = {
        "format": FORMAT,
        "request": result.request.to_query(),
        "attack": result.key,
        "settings": dict(result.params),
        "field": result.field,
        "protected": result.protected,
        "wanted": result.wanted.label if result.wanted else None,
        "success": result.success,
        "reason": result.reason,
        "steps": list_steps(result),
        "shortest": [step.text for step in result.minimal],
        "evaluations": result.evaluations,
        "seconds": result.seconds,
    }
    return json.dumps(plain, ensure_ascii=False, allow_nan=False)


def to_html(result: Attack) -> str:
    """Render the summary, the changed text and every step as one page."""
    rows = (
        (f"{escape(step.label)} {escape(format_probability(step.probability))}", f"<bdi>{escape(step.text)}</bdi>")
        for step in result.trajectory
    )
    code = f"attack({result.key!r}, {result.request!r}, field={result.field!r}, protected={result.protected!r})"
    changed = render_diff(result.texts[0], result.edits, name_field(result.field))
    table = render_table(rows, ("Prediction", "Text"))
    return make_page(
        add_style(f"<section>{render_lead(describe_attack(result))}{changed}{table}</section>"),
        f"from explainers import Request, Target, attack\n\n{code}\n",
    )


def to_rows(result: Attack) -> Iterator[tuple[object, ...]]:
    """Yield one row per step under HEADER."""
    for row in list_steps(result):
        yield tuple(escape_cell(value) if isinstance(value, str) else value for value in (row[name] for name in HEADER))


ATTACK = Command(
    name="attack",
    help="Change words until the prediction changes, or remove the words that it does not need.",
    run=run,
    summarize=lambda result: strip_markup(describe_attack(result)),
    list_details=list_details,
    to_json=to_json,
    to_html=to_html,
    header=HEADER,
    to_rows=to_rows,
    options=AttackOptions,
    own_settings=get_own_settings,
    attacks=ATTACKS,
)
