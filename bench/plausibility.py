"""Compare every method with human rationales: plausibility, faithfulness and time.

Run it with `python -m bench.plausibility --data DIR`; it prints a Markdown table for each bundled model that reads
texts with rationales.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.rationales import Item, read_questions, read_reviews
from bench.report import format_table, show_progress
from explainers import CARDS, METHODS, TASKS, Explanation, Request, explain, predict
from explainers.engine import RANKINGS
from explainers.errors import Incompatible
from explainers.evaluation.comprehensiveness import comprehensiveness
from explainers.evaluation.perturbation import PerturbationTest, make_test
from explainers.loading import lease
from explainers.methods.feature_groups import group_features
from explainers.problem import Problem
from explainers.progress import Run
from explainers.results.faithfulness import SIGNIFICANCE

HEAD = ("method", "AUPRC", "F1", "first word marked", "weight on marked words", "AOPC", "beats chance", "seconds")
RANDOM = "random ranking"


@dataclass(frozen=True)
class Source:
    """Where texts with rationales come from, and the bundled model that is asked about them."""

    name: str
    task: str
    model: str
    items: Callable[[Path], Iterator[Item]]


SOURCES = (
    Source("ERASER film reviews", "text_classification", "sentiment", read_reviews),
    Source("ExpMRC questions", "question_answering", "questions", read_questions),
)


@dataclass(frozen=True)
class Result:
    """The metrics of one explanation, compared with what people marked."""

    auprc: float
    f1: float
    hit: float
    mass: float
    aopc: float
    beats: float
    seconds: float


@dataclass(frozen=True)
class Case:
    """An item that the model predicts correctly: which of its P words people could mark, (P,), and did mark, (P,)."""

    problem: Problem
    groups: Tensor
    inside: Tensor
    marked: Tensor


def main() -> None:
    """Measure and print."""
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    for source in SOURCES:
        if source.model in options.models:
            print(make_report(source, options), flush=True)


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.plausibility")
    parser.add_argument("--data", type=Path, required=True, help="a folder with eraser_movies and expmrc_squad in it")
    parser.add_argument("--items", type=int, default=20, help="texts that the model gets right (default: 20)")
    parser.add_argument("--minutes", type=float, default=30, help="begin no text of a model after that (default: 30)")
    models = [source.model for source in SOURCES]
    parser.add_argument("--models", nargs="+", choices=models, default=models, help="default: all")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS), help="default: all")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default: 1)")
    return parser.parse_args()


def make_report(source: Source, options: argparse.Namespace) -> str:
    """Return the table of one source, with a line that describes what was measured."""
    items = list(islice(select_correct(source, options.data), options.items))
    found: dict[str, list[Result]] = defaultdict(list)
    words: list[int] = []
    last = time.monotonic() + 60 * options.minutes
    for item in show_progress(items, source.name):
        if words and time.monotonic() > last:
            break
        for name, result in compare_methods(source, item, options.methods, words):
            found[name].append(result)
    lines = [make_row(name, results) for name, results in found.items() if len(results) == len(words)]
    return (
        f"Model `{source.model}`, {source.name}: the first {len(words)} that it gets right, of {np.mean(words):.0f} "
        f"words on average, torch threads: {options.threads}.\n\n{format_table(HEAD, lines)}"
    )


def select_correct(source: Source, data: Path) -> Iterator[Item]:
    """Yield the items that the model predicts correctly: rationales explain no other prediction."""
    for item in source.items(data):
        said = predict(Request(source.task, source.model, item.inputs))
        if normalise_answer(said.text or str(said.targets[0].label)) in map(normalise_answer, item.right):
            yield item


def normalise_answer(answer: str) -> str:
    """Normalise an answer: no capitals, no article, no punctuation at its ends."""
    return answer.casefold().strip(" .,;:!?\"'()").removeprefix("the ").removeprefix("a ")


def compare_methods(
    source: Source, item: Item, methods: Iterable[str], words: list[int]
) -> Iterator[tuple[str, Result]]:
    """Yield the result of each method that the model supports for an item, then the mean of random rankings."""
    request = Request(source.task, source.model, item.inputs)
    maps = [found for name in methods if (found := try_explain(replace(request, method=name)))]
    with lease(CARDS[source.model]) as bundle, bundle.lock:
        case = make_case(TASKS[source.task].encode(bundle, request, Run()), item)
        words.append(len(case.marked))
        trials = [make_perturbation_test(case, explanation) for explanation in maps]
        chance = trials[0].randomize(RANKINGS)
        luck = np.array([comprehensiveness(one) for one in chance])  # (R,)
        for explanation, own in zip(maps, trials, strict=True):
            yield METHODS[explanation.request.method].label, compute_result(case, own, luck, explanation.seconds)
        every = [compute_result(case, one, luck, 0.0) for one in chance]
        yield RANDOM, Result(*np.mean([list(vars(one).values()) for one in every], axis=0).tolist())


def try_explain(request: Request) -> Explanation | None:
    """Return the request's explanation; None, with a line on stderr, if the model does not support the method."""
    try:
        return explain(request)
    except Incompatible as why:
        print(f"\n{request.method}: {why}", file=sys.stderr)
        return None


def make_case(problem: Problem, item: Item) -> Case:
    """Return the problem's words with those that people marked."""
    groups = group_features(problem)  # (F,)
    inside, marked = torch.zeros(2, int(groups.max()) + 1, dtype=torch.bool)
    for group, feature in zip(groups.tolist(), problem.features, strict=True):
        if group >= 0 and feature.field == item.field and feature.start is not None and feature.end is not None:
            inside[group] = True
            marked[group] |= any(feature.start < end and start < feature.end for start, end in item.marked)
    return Case(problem, groups, inside, marked)


def make_perturbation_test(case: Case, explanation: Explanation) -> PerturbationTest:
    """Return the explanation's PerturbationTest on the case's problem."""
    return make_test(case.problem, torch.tensor(explanation.scores[0]), case.groups, 0, explanation.signed)


def compute_result(case: Case, own: PerturbationTest, luck: np.ndarray, seconds: float) -> Result:
    """Compute an explanation's metrics; `luck` (R,) are the AOPCs of random rankings."""
    order = own.order[case.inside[own.order]]  # of what people could mark
    hits = case.marked[order].double()  # strongest first
    total = int(hits.sum())
    precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1)
    weight = own.scores.clamp(min=0) * case.inside
    aopc = comprehensiveness(own)
    return Result(
        auprc=float((precision * hits).sum() / total),
        f1=float(hits[:total].mean()),  # as many words as people marked: precision and recall are the same
        hit=float(hits[0]),
        mass=float(weight[case.marked].sum() / weight.sum()) if weight.any() else float(hits.mean()),
        aopc=aopc,
        beats=float((1 + (luck >= aopc - 1e-6).sum()) / (1 + len(luck)) <= SIGNIFICANCE),
        seconds=seconds,
    )


def make_row(name: str, results: list[Result]) -> tuple[str, ...]:
    """Return a method's results as a row of the table: means over the items."""
    auprc, f1, hit, mass, aopc, beats, _ = np.mean([list(vars(one).values()) for one in results], axis=0)
    times = "-" if name == RANDOM else f"{np.median([one.seconds for one in results]):.2f}"
    shares = (f"{100 * share:.0f} %" for share in (hit, mass))
    chance = "-" if name == RANDOM else f"{100 * beats:.0f} %"
    return (name, f"{auprc:.2f}", f"{f1:.2f}", *shares, f"{aopc:.3f}", chance, times)


if __name__ == "__main__":
    main()
