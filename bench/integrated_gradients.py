"""Integrated gradients beside Captum's: how many passes, how far from the truth, how long.

Run it with `python -m bench.integrated_gradients`; it prints two Markdown tables. Knows no page.
"""

import argparse
import csv
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from bench.bare import Plain, Scores, captum, loop, watched
from bench.report import markdown, percentiles, ratios, told
from explainers import CARDS, METHODS, Bundle, Explanation, Request, explain
from explainers.loading import load
from tests.support.sentences import SENTENCES

TRUTH = 64  # steps of Captum that stand for the truth
FINER, FINER_SENTENCES = 400, 3  # steps that the truth itself is checked with, and on how many sentences
USUAL = 50  # steps that Captum takes unless told otherwise
LADDER, CLIMBED = (25, 30, 40, 50, 60), 40  # numbers of steps, and on how many sentences they are tried
DEFAULT = next(float(param.default) for param in METHODS["integrated_gradients"].params if param.name == "tolerance")
STRICT = 0.001
HEAD = (
    "integrated gradients",
    "passes: median",
    "p90",
    "says it converged",
    "is under its tolerance",
    "error: median",
    "p90",
    "largest",
)
TIMED, ROUNDS = 20, 2  # how many sentences are timed, and how often each pair


@dataclass(frozen=True)
class Case:
    """A sentence: our request, the same for Captum, and the true scores (F,)."""

    request: Request
    plain: Plain
    batch: int
    truth: Scores

    def error(self, scores: Scores) -> float:
        """How far scores (F,) are from the truth: the sum of |differences| as a share of the sum of |true scores|."""
        return float(np.abs(scores - self.truth).sum() / np.abs(self.truth).sum())


@dataclass(frozen=True)
class Row:
    """All sentences by one tool with one setting: passes and errors (N,), and what the tool says of its maps."""

    label: str
    passes: Scores
    errors: Scores
    converged: str = "-"
    under: str = "-"

    @property
    def worst(self) -> float:
        """The error that nine of ten maps of the first sentences stay under."""
        return float(np.percentile(self.errors[:CLIMBED], 90))


def main() -> None:
    """Measure and print."""
    options = arguments()
    torch.set_num_threads(options.threads)
    bundle = load(CARDS["sentiment"])
    texts = sentences(options.data, options.sentences)
    cases = [case(bundle, text) for text in told(texts, f"the truth, {TRUTH} steps")]
    rows = [ours(cases, DEFAULT), ours(cases[:CLIMBED], STRICT), captums(cases, USUAL)]
    rungs = climbed(cases[:CLIMBED], min(row.worst for row in rows[:2]))
    equal = [as_near(rungs, row) for row in rows[:2]]
    print(heading(cases, options))
    print(passes_table(rows + equal))
    print(times_table(cases, int(equal[0].passes[0])))


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench.integrated_gradients")
    parser.add_argument("--data", type=Path, help="a TSV with the header sentence<TAB>label; else 20 sentences of ours")
    parser.add_argument("--sentences", type=int, default=200, help="how many, from the top (default: 200)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="torch threads (default: every core)")
    return parser.parse_args()


def sentences(data: Path | None, most: int) -> list[str]:
    """The sentences to explain."""
    if data is None:
        return list(SENTENCES[:most])
    with open(data, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row["sentence"].strip() for row in rows[:most]]


def case(bundle: Bundle, text: str) -> Case:
    """The sentence with its truth."""
    request = Request("text_classification", bundle.card.key, {"text": text})
    explanation = explain(request)
    plain = Plain.of(bundle.model, bundle.tokenizer, text, int(explanation.targets[0].index or 0))
    batch = bundle.embeddings.batch(len(explanation.features))
    return Case(request, plain, batch, captum(plain, TRUTH, batch))


def ours(cases: list[Case], tolerance: float) -> Row:
    """Wherefore's maps at a tolerance."""
    label = f"Wherefore, tolerance {tolerance:g}, {len(cases)} sentences"
    maps = [explained(case, tolerance) for case in told(cases, label)]
    yes = sum(bool(explanation.converged and all(explanation.converged)) for explanation in maps)
    under = sum(bool((explanation.relative_error <= tolerance).all()) for explanation in maps)
    return Row(
        label,
        np.array([explanation.evaluations[1] for explanation in maps], dtype=float),
        np.array([case.error(one.scores[0].astype(float)) for case, one in zip(cases, maps, strict=True)]),
        str(yes),
        str(under),
    )


def explained(case: Case, tolerance: float) -> Explanation:
    """The sentence's explanation at a tolerance."""
    request = case.request
    return explain(Request(request.task, request.model, request.inputs, params={"tolerance": tolerance}))


def captums(cases: list[Case], steps: int) -> Row:
    """Captum's maps with a fixed number of steps."""
    label = f"Captum, {steps} steps, {len(cases)} sentences"
    errors = [case.error(captum(case.plain, steps, case.batch)) for case in told(cases, label)]
    return Row(label, np.full(len(cases), float(steps)), np.array(errors))


def climbed(cases: list[Case], worst: float) -> list[Row]:
    """Captum with more and more steps, until its maps are as near to the truth as `worst`."""
    rows: list[Row] = []
    while len(rows) < len(LADDER) and not (rows and rows[-1].worst <= worst):
        rows.append(captums(cases, LADDER[len(rows)]))
    return rows


def as_near(rungs: list[Row], row: Row) -> Row:
    """Captum with the fewest steps that come as near to the truth as `row`; with the most, if none does."""
    rung = next((rung for rung in rungs if rung.worst <= row.worst), rungs[-1])
    verdict = "enough" if rung.worst <= row.worst else "not enough"
    return replace(
        rung, label=f"{rung.label}: {verdict} for the p90 error that the first {CLIMBED} have in: {row.label}"
    )


def heading(cases: list[Case], options: argparse.Namespace) -> str:
    """What was measured, and with what, and how good the truth is."""
    source = f"the first {len(cases)} of {options.data.name}" if options.data else f"{len(cases)} sentences of our own"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "captum"))
    checked = told(cases[:FINER_SENTENCES], f"the truth beside {FINER} steps")
    off = max(case.error(captum(case.plain, FINER, case.batch)) for case in checked)
    return (
        f"Model `sentiment`, {source}, torch threads: {options.threads}, {libraries}.\n"
        f"Errors are distances from Captum's map with {TRUTH} steps; with {FINER} steps that map itself moves by\n"
        f"{off:.0e} at most (first {min(len(cases), FINER_SENTENCES)} sentences).\n"
    )


def passes_table(rows: list[Row]) -> str:
    """Passes and errors as a Markdown table."""
    return markdown(HEAD, [line(row) for row in rows])


def line(row: Row) -> tuple[str, ...]:
    """A Row as the table shows it."""
    passes, errors = percentiles(row.passes, "{:.0f}", 50, 90), percentiles(row.errors, "{:.2%}", 50, 90, 100)
    return (row.label, *passes, row.converged, row.under, *errors)


def times_table(cases: list[Case], steps: int) -> str:
    """How long `explain()` takes, as a multiple of what it is set beside, as a Markdown table."""
    others = {
        "a bare torch loop of the same passes in the same batches": same_passes,
        f"Captum, {steps} steps": lambda case: partial(captum, case.plain, steps, case.batch),
    }
    timed = cases[:TIMED]
    head = (f"time of `explain()`, first {len(timed)} sentences, beside", "ratio: median", "quartiles")
    return markdown(head, [(label, *compared(timed, label, other)) for label, other in others.items()])


def compared(cases: list[Case], label: str, other: Callable[[Case], Callable[[], object]]) -> tuple[str, str]:
    """The time of `explain()` over that of the other, sentence by sentence: median and quartiles."""
    pairs = ((partial(explain, case.request), other(case)) for case in told(cases, f"beside {label}"))
    found = [ratio for one, two in pairs for ratio in ratios(one, two, ROUNDS)]
    middle, low, high = percentiles(found, "{:.2f}", 50, 25, 75)
    return middle, f"{low} to {high}"


def same_passes(case: Case) -> Callable[[], object]:
    """The plain loop with as many passes, in the same batches, as `explain()` makes for the sentence."""
    with watched(case.plain.model) as batches:
        explain(case.request)
    return partial(loop, case.plain, list(batches))


if __name__ == "__main__":
    main()
