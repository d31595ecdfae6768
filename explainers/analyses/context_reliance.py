"""What of a written text depends on its context, and on what in it: PECoRe (Sarti et al. 2024, arXiv:2310.01188).

Knows no page. First the tokens are found that would have been told otherwise without the context, then, by a contrast
with what would have stood there instead, the words of the context that each of them comes from.
"""

from dataclasses import dataclass, replace
from string import Formatter
from typing import Literal

import numpy as np

from ..engine import explain, predict, start_run
from ..errors import BadRequest, NothingGenerated
from ..inputs.text import find_sentence_ends
from ..models.loading import Bundle
from ..progress import Progress, quiet
from ..request import Request, Target
from ..results.explanation import Explanation, Floats, Numbers, Prediction
from ..tasks import TASKS
from ..tasks.generation.prompts import PREFIX, SYSTEM, WITHOUT

SENSES = "input_x_gradient"  # the method of the first pass, whose maps are not used
Measure = Literal["kl_divergence", "p_cxmi"]
CURRENT = "{current}"
PARTS = ["context", "current"]
Span = tuple[str, int, int]
"""In which input something stands, from and to which character."""


@dataclass(frozen=True)
class ContextQuestion:
    """A request whose first text is the current one, the context that goes before it, and what counts as dependent.

    `template` says how both become one text; an empty one makes the context a chat's system prompt.
    `output_template` says the same of what is written, and ends with {current}: all before that, `output_context` among
    it, is written with the context only, and what depends on it is looked for behind it. Where there is no such text,
    it is what the model writes for the context alone. A token depends on
    the context if its `measure` is at least the mean of all plus so many `deviations`; a word of the context is what
    it comes from by the same rule with `cue_deviations`. At most `most` tokens are traced.
    """

    request: Request
    context: str
    template: str = "{context} {current}"
    output_template: str = CURRENT
    output_context: str = ""
    measure: Measure = "kl_divergence"
    deviations: float = 1.0
    cue_deviations: float = 1.0
    most: int = 8


@dataclass(frozen=True, eq=False)
class DependentToken:
    """A written token that depends on the context, by its row, and what would have stood there without it, if another.

    `explanation` is of the token rather than of that, or of how far it is from the same without context; `places` are
    the features of the context that are above the threshold there, strongest first.
    """

    row: int
    instead: str | None
    explanation: Explanation
    places: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Reliance:
    """The written text with its context, each token's measure `values` (T,), and the tokens that depend on it.

    `without` is what the model writes without the context; its text is empty if that is nothing.
    """

    explanation: Explanation
    values: Floats
    threshold: float
    cues: tuple[DependentToken, ...]
    without: Prediction


def trace_context(question: ContextQuestion, *, bundle: Bundle | None = None, progress: Progress = quiet) -> Reliance:
    """Which written tokens depend on the context, and on what in it. Raises an ExplainerError where a person can help.

    A text that the request does not force is written with the context; all passes are about those very words.
    """
    run = start_run(quiet)  # all explanations together have the time of one
    question = _with_output(question, bundle)
    whole, spans = add_context(question)
    said = predict(replace(whole, params=_writing(whole)), bundle=bundle, progress=progress)
    whole, bare = _forced(whole, said.text), _bare(question)
    first = explain(replace(whole, method=SENSES, params=_writing(whole)), bundle=bundle, progress=progress)
    others = predict(_forced(bare, said.text), bundle=bundle, progress=progress)
    values = np.array(dict(first.steps)[question.measure], np.float32)
    threshold = compute_threshold(np.abs(values), question.deviations)
    order = [int(row) for row in np.argsort(-np.abs(values), kind="stable") if values[row]]
    found = sorted([row for row in order if abs(values[row]) >= threshold][: question.most])
    cues = []
    for row in found:
        asked, instead = _asked(question, whole, first, others, row)
        traced = explain(asked, bundle=bundle, progress=progress)
        run.spend(*traced.evaluations)
        cues.append(DependentToken(row, instead, traced, _places(traced, spans, question.cue_deviations)))
    try:
        without = predict(bare, bundle=bundle, progress=progress)
    except NothingGenerated:
        without = Prediction((), "")
    return Reliance(first, values, threshold, tuple(cues), without)


def compute_threshold(values: Numbers, deviations: float) -> float:
    """The mean of the values plus so many of their standard deviations."""
    return float(values.mean() + deviations * values.std()) if values.size else 0.0


def add_context(question: ContextQuestion) -> tuple[Request, tuple[Span, ...]]:
    """The request with its context, and where that stands, before the text and before what is written."""
    request, name = question.request, TASKS[question.request.task].fields[0].name
    current, context = request.texts.get(name, ""), question.context.strip()
    if not context:
        raise BadRequest("The context is empty. Type what the text should be read after.")
    if not current.strip():
        raise BadRequest("The text after the context is empty. Type what the model should go on from.")
    prefix, spans = _prefix(question)
    inputs = dict(request.inputs) | prefix | {WITHOUT: current}
    if not question.template:
        return replace(request, inputs=inputs | {SYSTEM: context}), ((SYSTEM, 0, len(context)), *spans)
    text, start = fill_template(question.template, context, current)
    return replace(request, inputs=inputs | {name: text}), ((name, start, start + len(context)), *spans)


def fill_template(template: str, context: str, current: str) -> tuple[str, int]:
    """The template with both texts in it, and where the context begins. Raises BadRequest for one that lacks a part."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise BadRequest(f"The template {template[:60]!r} cannot be read: {error}.") from None
    if sorted(str(name) for _, name, *_ in parts if name is not None) != PARTS:
        raise BadRequest(f"The template {template[:60]!r} must hold {{context}} and {{current}}, each once.")
    text, start = "", 0
    for literal, name, *_ in parts:
        text += literal
        if name == "context":
            start = len(text)
        text += {"context": context, "current": current}.get(name or "", "")
    return text, start


def _prefix(question: ContextQuestion) -> tuple[dict[str, str], tuple[Span, ...]]:
    """What is written before the text in question, as an input, and where the context stands in it."""
    if question.output_template == CURRENT:
        return {}, ()
    template, context = question.output_template, question.output_context.strip()
    if not template.endswith(CURRENT):
        raise BadRequest(f"The output template {template[:60]!r} must end with {CURRENT}.")
    text, start = fill_template(template, context, "")
    return {PREFIX: text.rstrip()}, ((PREFIX, start, start + len(context)),)


def _with_output(question: ContextQuestion, bundle: Bundle | None) -> ContextQuestion:
    """The question with its context's output, written by the model if it is not given."""
    if question.output_template == CURRENT or question.output_context.strip():
        return question
    name, *_ = (field.name for field in TASKS[question.request.task].fields)
    alone = _bare(replace(question, request=replace(question.request, inputs={name: question.context})))
    return replace(question, output_context=predict(alone, bundle=bundle).text)


def split_context(text: str) -> tuple[str, str]:
    """All sentences of a text but the last, and the last: a first guess at what is context."""
    places = [end for end in find_sentence_ends(text) if text[end:].strip()]
    return (text[: places[-1]].strip(), text[places[-1] :].lstrip()) if places else ("", text)


def _writing(request: Request) -> dict[str, str]:
    """The settings of how the text is written, and none of a method or of what is explained."""
    known = {param.name for param in TASKS[request.task].params} - {"unit", "start", "end", "alignment"}
    return {name: text for name, text in request.options.items() if name in known}


def _bare(question: ContextQuestion) -> Request:
    """The request without the context, and with nothing forced."""
    written = TASKS[question.request.task].fields[1].name
    inputs = {name: text for name, text in question.request.texts.items() if name not in (written, WITHOUT, PREFIX)}
    if not question.template:
        inputs.pop(SYSTEM, None)
    params: dict[str, object] = {**_writing(question.request), **({} if question.template else {"chat": True})}
    return replace(question.request, inputs=inputs, params=params, target=Target(), method=SENSES)


def _forced(request: Request, text: str) -> Request:
    """The same request made to write a text."""
    written = TASKS[request.task].fields[1].name
    return replace(request, inputs=dict(request.inputs) | {written: text})


def _asked(
    question: ContextQuestion, whole: Request, first: Explanation, others: Prediction, row: int
) -> tuple[Request, str | None]:
    """The request for what one token comes from, and what would have stood there without the context, if another."""
    token = first.targets[row]
    place = next(i for i, said in enumerate(first.prediction.targets) if said.position == token.position)
    alike = [said.index for said in others.targets] == [said.index for said in first.prediction.targets]
    likeliest = others.alternatives[place][0] if alike else token
    instead = likeliest.label if likeliest.index != token.index and (likeliest.label or "").strip() else None
    params = dict(whole.options) | {"start": place + 1, "end": place + 1}
    params["unit"] = "probability" if instead else question.measure
    return replace(whole, params=params, target=Target(foil=instead)), instead


def _places(traced: Explanation, spans: tuple[Span, ...], deviations: float) -> tuple[int, ...]:
    """The features of the context whose scores are above the threshold of all of them, strongest first."""
    inside = [
        i
        for i, feature in enumerate(traced.features)
        if feature.start is not None
        and any(feature.field == field and start <= feature.start < end for field, start, end in spans)
    ]
    sizes = np.abs(np.nan_to_num(traced.scores[0, inside]))
    least = compute_threshold(sizes, deviations)
    return tuple(inside[int(i)] for i in np.argsort(-sizes, kind="stable") if sizes[i] >= least and sizes[i] > 0)
