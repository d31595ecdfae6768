"""Other words in the place of one: how probable each makes what was written, and what the model writes then.

Knows no page, and no method: nothing is attributed here.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

from ..engine import borrow, start_run
from ..errors import BadRequest, NothingGenerated
from ..models.loading import Bundle
from ..progress import Progress, Run, quiet
from ..request import Request, Target
from ..results.explanation import Explanation
from ..results.substitution import Substitution
from ..settings import ROOT
from ..tasks import TASKS

MOST = 100  # words
PROFESSIONS: dict[str, str] = json.loads(
    (ROOT / "assets" / "professions.json").read_text("utf-8")
)  # English to Turkish


@dataclass(frozen=True)
class SubstitutionQuestion:
    """A request that forces a text, the row of a token of it, and what is swapped.

    In the input `field`, the characters from `start` to `end` are replaced by each of the `words`.
    """

    request: Request
    row: int
    field: str
    start: int
    end: int
    words: tuple[str, ...]


def make_question(
    explanation: Explanation, row: int, place: tuple[str, int, int], words: tuple[str, ...]
) -> SubstitutionQuestion:
    """The Question about one row of a generation, with all that was written as it is; a place is field, start, end."""
    request = explanation.request
    written = {TASKS[request.task].fields[1].name: explanation.prediction.text}
    return SubstitutionQuestion(replace(request, inputs=dict(request.inputs) | written), row, *place, words)


def substitute(
    question: SubstitutionQuestion, *, bundle: Bundle | None = None, progress: Progress = quiet
) -> tuple[Substitution, ...]:
    """One Swap a word, in their order. Raises BadRequest for none, or too many."""
    if not question.words:
        raise BadRequest("There are no other words. Type some, with commas between them.")
    if len(question.words) > MOST:
        raise BadRequest(f"{len(question.words)} words are too many. Give {MOST} or fewer.")
    with borrow(question.request, bundle, progress) as held:
        run, found = start_run(quiet), []
        for number, word in enumerate(question.words):
            progress(f"Word {number + 1} of {len(question.words)}", number / len(question.words))
            found.append(_swap(question, word, held, run))
        return tuple(found)


def _swap(question: SubstitutionQuestion, word: str, held: Bundle, run: Run) -> Substitution:
    request, task = question.request, TASKS[question.request.task]
    text = request.texts[question.field]
    inputs = dict(request.inputs) | {question.field: text[: question.start] + word + text[question.end :]}
    problem = task.encode(held, replace(request, inputs=inputs), run)
    steps = {name: numbers[question.row] for name, numbers in problem.steps}
    own, margin = steps["probability"], steps.get("probability_margin")
    return Substitution(word, own, None if margin is None else own - margin, _written(request, inputs, held))


def _written(request: Request, inputs: dict[str, Any], held: Bundle) -> str:
    """What the model writes by itself, empty if it ends at once."""
    task = TASKS[request.task]
    alone = {name: given for name, given in inputs.items() if name != task.fields[1].name}
    settings = {name: text for name, text in request.options.items() if name not in ("start", "end")}
    try:
        return task.predict(held, replace(request, inputs=alone, params=settings, target=Target())).text.strip()
    except NothingGenerated:
        return ""
