"""Word substitution: how probable each substitute for one word makes a generated token, and what is generated then."""

import json
from dataclasses import dataclass, replace

from ..engine import borrow, start_run, validate
from ..errors import BadRequest, NothingGenerated
from ..models.loading import Bundle
from ..progress import Progress, Run, quiet
from ..request import Request
from ..results.explanation import Explanation
from ..results.substitution import Substitution
from ..settings import ROOT
from .generation_requests import force_output, free_output

MOST_WORDS = 100
PROFESSIONS: dict[str, str] = json.loads(
    (ROOT / "assets" / "professions.json").read_text("utf-8")
)  # English to Turkish


@dataclass(frozen=True)
class SubstitutionRequest:
    """A request with a given output, the row of a token of it, and the substitutes.

    In the input `field`, the characters from `start` to `end` are replaced by each of the `words`.
    """

    request: Request
    row: int
    field: str
    start: int
    end: int
    words: tuple[str, ...]


def make_request(
    explanation: Explanation, row: int, place: tuple[str, int, int], words: tuple[str, ...]
) -> SubstitutionRequest:
    """Make the request for one row of an explanation, with its generated text; `place` is field, start and end."""
    request = force_output(explanation.request, explanation.prediction)
    return SubstitutionRequest(request, row, *place, words)


def substitute(
    substitution: SubstitutionRequest, *, bundle: Bundle | None = None, progress: Progress = quiet
) -> tuple[Substitution, ...]:
    """Compute one Substitution per word, in their order. Raises BadRequest for none, or too many."""
    words = substitution.words
    if not words:
        raise BadRequest("There are no words to substitute. Type some, separated by commas.")
    if len(words) > MOST_WORDS:
        raise BadRequest(f"{len(words)} words are too many. Give {MOST_WORDS} or fewer.")
    with borrow(substitution.request, bundle, progress) as borrowed:
        run, results = start_run(quiet), []
        for number, word in enumerate(words):
            progress(f"Word {number + 1} of {len(words)}", number / len(words))
            results.append(_substitute_word(substitution, word, borrowed, run))
        return tuple(results)


def _substitute_word(substitution: SubstitutionRequest, word: str, bundle: Bundle, run: Run) -> Substitution:
    text = substitution.request.texts[substitution.field]
    changed = text[: substitution.start] + word + text[substitution.end :]
    request = substitution.request
    request = replace(request, inputs=dict(request.inputs) | {substitution.field: changed})
    valid, task, _ = validate(request)
    problem = task.encode(bundle, valid, run)
    steps = {name: scores[substitution.row] for name, scores in problem.steps}
    own, margin = steps["probability"], steps.get("probability_margin")
    return Substitution(word, own, None if margin is None else own - margin, _generate(request, bundle))


def _generate(request: Request, bundle: Bundle) -> str:
    """Return what the model generates by itself, empty if it ends at once."""
    try:
        valid, task, _ = validate(free_output(request))
        return task.predict(bundle, valid).text.strip()
    except NothingGenerated:
        return ""
