"""Compare integrated gradients with Captum's: passes, errors and time.

Run it with `python -m bench.integrated_gradients`; it prints two Markdown tables.
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

from bench.bare import PlainInput, Scores, record_batches, run_captum, run_loop
from bench.report import format_percentiles, format_table, measure_ratios, show_progress
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
    """A sentence: our request, the same input for Captum, and the reference scores (F,)."""

    request: Request
    plain: PlainInput
    batch: int
    truth: Scores

    def error(self, scores: Scores) -> float:
        """Return the relative L1 error of scores (F,)."""
        return float(np.abs(scores - self.truth).sum() / np.abs(self.truth).sum())


@dataclass(frozen=True)
class Row:
    """All sentences explained by one tool with one setting: passes and errors (N,), and the tool's own verdicts."""

    label: str
    passes: Scores
    errors: Scores
    converged: str = "-"
    under: str = "-"

    @property
    def worst(self) -> float:
        """The 90th percentile of the errors of the first sentences."""
        return float(np.percentile(self.errors[:CLIMBED], 90))


def main() -> None:
    """Measure and print."""
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    bundle = load(CARDS["sentiment"])
    texts = read_sentences(options.data, options.sentences)
    cases = [make_case(bundle, text) for text in show_progress(texts, f"the truth, {TRUTH} steps")]
    rows = [measure_wherefore(cases, DEFAULT), measure_wherefore(cases[:CLIMBED], STRICT), measure_captum(cases, USUAL)]
    rungs = measure_steps(cases[:CLIMBED], min(row.worst for row in rows[:2]))
    equal = [find_equal_steps(rungs, row) for row in rows[:2]]
    print(make_heading(cases, options))
    print(make_passes_table(rows + equal))
    print(make_times_table(cases, int(equal[0].passes[0])))


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.integrated_gradients")
    parser.add_argument("--data", type=Path, help="a TSV with the header sentence<TAB>label; else 20 sentences of ours")
    parser.add_argument("--sentences", type=int, default=200, help="how many, from the top (default: 200)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="torch threads (default: every core)")
    return parser.parse_args()


def read_sentences(data: Path | None, most: int) -> list[str]:
    """Read the sentences to explain."""
    if data is None:
        return list(SENTENCES[:most])
    with open(data, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row["sentence"].strip() for row in rows[:most]]


def make_case(bundle: Bundle, text: str) -> Case:
    """Return the sentence with its reference scores."""
    request = Request("text_classification", bundle.card.key, {"text": text})
    explanation = explain(request)
    plain = PlainInput.of(bundle.model, bundle.tokenizer, text, int(explanation.targets[0].index or 0))
    batch = bundle.embeddings.batch(len(explanation.features))
    return Case(request, plain, batch, run_captum(plain, TRUTH, batch))


def measure_wherefore(cases: list[Case], tolerance: float) -> Row:
    """Measure Wherefore's explanations at a tolerance."""
    label = f"Wherefore, tolerance {tolerance:g}, {len(cases)} sentences"
    maps = [explain_case(case, tolerance) for case in show_progress(cases, label)]
    yes = sum(bool(explanation.converged and all(explanation.converged)) for explanation in maps)
    under = sum(bool((explanation.relative_error <= tolerance).all()) for explanation in maps)
    return Row(
        label,
        np.array([explanation.evaluations[1] for explanation in maps], dtype=float),
        np.array([case.error(one.scores[0].astype(float)) for case, one in zip(cases, maps, strict=True)]),
        str(yes),
        str(under),
    )


def explain_case(case: Case, tolerance: float) -> Explanation:
    """Return the sentence's explanation at a tolerance."""
    request = case.request
    return explain(Request(request.task, request.model, request.inputs, params={"tolerance": tolerance}))


def measure_captum(cases: list[Case], steps: int) -> Row:
    """Measure Captum's explanations with a fixed number of steps."""
    label = f"Captum, {steps} steps, {len(cases)} sentences"
    errors = [case.error(run_captum(case.plain, steps, case.batch)) for case in show_progress(cases, label)]
    return Row(label, np.full(len(cases), float(steps)), np.array(errors))


def measure_steps(cases: list[Case], worst: float) -> list[Row]:
    """Measure Captum with increasing numbers of steps, until its errors are below `worst`."""
    rows: list[Row] = []
    while len(rows) < len(LADDER) and not (rows and rows[-1].worst <= worst):
        rows.append(measure_captum(cases, LADDER[len(rows)]))
    return rows


def find_equal_steps(rungs: list[Row], row: Row) -> Row:
    """Return Captum's row with the fewest steps whose error is at most that of `row`, or else with the most steps."""
    rung = next((rung for rung in rungs if rung.worst <= row.worst), rungs[-1])
    verdict = "enough" if rung.worst <= row.worst else "not enough"
    return replace(
        rung, label=f"{rung.label}: {verdict} for the p90 error that the first {CLIMBED} have in: {row.label}"
    )


def make_heading(cases: list[Case], options: argparse.Namespace) -> str:
    """Describe what was measured, with which versions, and the error of the reference itself."""
    source = f"the first {len(cases)} of {options.data.name}" if options.data else f"{len(cases)} sentences of our own"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "captum"))
    checked = show_progress(cases[:FINER_SENTENCES], f"the truth beside {FINER} steps")
    off = max(case.error(run_captum(case.plain, FINER, case.batch)) for case in checked)
    return (
        f"Model `sentiment`, {source}, torch threads: {options.threads}, {libraries}.\n"
        f"Errors are distances from Captum's explanation with {TRUTH} steps, which differs from that with "
        f"{FINER} steps by {off:.0e} at most (first {min(len(cases), FINER_SENTENCES)} sentences).\n"
    )


def make_passes_table(rows: list[Row]) -> str:
    """Return passes and errors as a Markdown table."""
    return format_table(HEAD, [make_row(row) for row in rows])


def make_row(row: Row) -> tuple[str, ...]:
    """Return a Row as the table shows it."""
    passes, errors = (
        format_percentiles(row.passes, "{:.0f}", 50, 90),
        format_percentiles(row.errors, "{:.2%}", 50, 90, 100),
    )
    return (row.label, *passes, row.converged, row.under, *errors)


def make_times_table(cases: list[Case], steps: int) -> str:
    """Return the times of `explain()` relative to the alternatives, as a Markdown table."""
    others = {
        "a bare torch loop of the same passes in the same batches": repeat_passes,
        f"Captum, {steps} steps": lambda case: partial(run_captum, case.plain, steps, case.batch),
    }
    timed = cases[:TIMED]
    head = (f"time of `explain()`, first {len(timed)} sentences, beside", "ratio: median", "quartiles")
    return format_table(head, [(label, *compare_times(timed, label, other)) for label, other in others.items()])


def compare_times(cases: list[Case], label: str, other: Callable[[Case], Callable[[], object]]) -> tuple[str, str]:
    """Return the ratios of the times of `explain()` and the other over the sentences: median and quartiles."""
    pairs = ((partial(explain, case.request), other(case)) for case in show_progress(cases, f"beside {label}"))
    found = [ratio for one, two in pairs for ratio in measure_ratios(one, two, ROUNDS)]
    middle, low, high = format_percentiles(found, "{:.2f}", 50, 25, 75)
    return middle, f"{low} to {high}"


def repeat_passes(case: Case) -> Callable[[], object]:
    """Return a plain loop with the same passes, in the same batches, as `explain()` makes for the sentence."""
    with record_batches(case.plain.model) as batches:
        explain(case.request)
    return partial(run_loop, case.plain, list(batches))


if __name__ == "__main__":
    main()
