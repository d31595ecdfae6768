"""Every method beside people: are its strongest words those that people marked, is it true to the model, how long.

Run it with `python -m bench.plausibility --data DIR`; it prints a Markdown table for each bundled model that reads
texts with rationales. Knows no page.
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

from bench.rationales import Item, questions, reviews
from bench.report import markdown, told
from explainers import CARDS, METHODS, TASKS, Explanation, Request, explain, predict
from explainers.engine import RANKINGS
from explainers.errors import Incompatible
from explainers.evaluation import comprehensiveness
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
    Source("ERASER film reviews", "text_classification", "sentiment", reviews),
    Source("ExpMRC questions", "question_answering", "questions", questions),
)


@dataclass(frozen=True)
class Result:
    """One map beside what people marked: all the numbers of a row of the table."""

    auprc: float
    f1: float
    hit: float
    mass: float
    aopc: float
    beats: float
    seconds: float


@dataclass(frozen=True)
class Case:
    """An item that the model got right: which of its P pieces people could mark, (P,), and which they did, (P,)."""

    problem: Problem
    groups: Tensor
    inside: Tensor
    marked: Tensor


def main() -> None:
    """Measure and print."""
    options = arguments()
    torch.set_num_threads(options.threads)
    for source in SOURCES:
        if source.model in options.models:
            print(report(source, options), flush=True)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench.plausibility")
    parser.add_argument("--data", type=Path, required=True, help="a folder with eraser_movies and expmrc_squad in it")
    parser.add_argument("--items", type=int, default=20, help="texts that the model gets right (default: 20)")
    parser.add_argument("--minutes", type=float, default=30, help="begin no text of a model after that (default: 30)")
    models = [source.model for source in SOURCES]
    parser.add_argument("--models", nargs="+", choices=models, default=models, help="default: all")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS), help="default: all")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default: 1)")
    return parser.parse_args()


def report(source: Source, options: argparse.Namespace) -> str:
    """The table of one source, with a line that says what was measured."""
    items = list(islice(right(source, options.data), options.items))
    found: dict[str, list[Result]] = defaultdict(list)
    words: list[int] = []
    last = time.monotonic() + 60 * options.minutes
    for item in told(items, source.name):
        if words and time.monotonic() > last:
            break
        for name, result in compared(source, item, options.methods, words):
            found[name].append(result)
    lines = [line(name, results) for name, results in found.items() if len(results) == len(words)]
    return (
        f"Model `{source.model}`, {source.name}: the first {len(words)} that it gets right, of {np.mean(words):.0f} "
        f"words on average, torch threads: {options.threads}.\n\n{markdown(HEAD, lines)}"
    )


def right(source: Source, data: Path) -> Iterator[Item]:
    """The items that the model gets right: nobody can say why it says something else than people do."""
    for item in source.items(data):
        said = predict(Request(source.task, source.model, item.inputs))
        if plain(said.text or str(said.targets[0].label)) in map(plain, item.right):
            yield item


def plain(answer: str) -> str:
    """An answer as it is compared: no capitals, no article, no sign at its ends."""
    return answer.casefold().strip(" .,;:!?\"'()").removeprefix("the ").removeprefix("a ")


def compared(source: Source, item: Item, methods: Iterable[str], words: list[int]) -> Iterator[tuple[str, Result]]:
    """What each method that the model can bear gets for an item, and last what random rankings get on average."""
    request = Request(source.task, source.model, item.inputs)
    maps = [found for name in methods if (found := mapped(replace(request, method=name)))]
    with lease(CARDS[source.model]) as bundle, bundle.lock:
        case = cased(TASKS[source.task].encode(bundle, request, Run()), item)
        words.append(len(case.marked))
        trials = [tried(case, explanation) for explanation in maps]
        chance = trials[0].chance(RANKINGS)
        luck = np.array([comprehensiveness(one) for one in chance])  # (R,)
        for explanation, own in zip(maps, trials, strict=True):
            yield METHODS[explanation.request.method].label, result(case, own, luck, explanation.seconds)
        every = [result(case, one, luck, 0.0) for one in chance]
        yield RANDOM, Result(*np.mean([list(vars(one).values()) for one in every], axis=0).tolist())


def mapped(request: Request) -> Explanation | None:
    """The request's explanation; None, and why, where the model cannot bear the method."""
    try:
        return explain(request)
    except Incompatible as why:
        print(f"\n{request.method}: {why}", file=sys.stderr)
        return None


def cased(problem: Problem, item: Item) -> Case:
    """The problem's pieces beside what people marked."""
    groups = group_features(problem)  # (F,)
    inside, marked = torch.zeros(2, int(groups.max()) + 1, dtype=torch.bool)
    for group, feature in zip(groups.tolist(), problem.features, strict=True):
        if group >= 0 and feature.field == item.field and feature.start is not None and feature.end is not None:
            inside[group] = True
            marked[group] |= any(feature.start < end and start < feature.end for start, end in item.marked)
    return Case(problem, groups, inside, marked)


def tried(case: Case, explanation: Explanation) -> PerturbationTest:
    """The map as a trial on the case's problem."""
    return make_test(case.problem, torch.tensor(explanation.scores[0]), case.groups, 0, explanation.signed)


def result(case: Case, own: PerturbationTest, luck: np.ndarray, seconds: float) -> Result:
    """A map's numbers; `luck` (R,) are the AOPCs of random rankings."""
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


def line(name: str, results: list[Result]) -> tuple[str, ...]:
    """A method's results as a row of the table: means over the items."""
    auprc, f1, hit, mass, aopc, beats, _ = np.mean([list(vars(one).values()) for one in results], axis=0)
    times = "-" if name == RANDOM else f"{np.median([one.seconds for one in results]):.2f}"
    shares = (f"{100 * share:.0f} %" for share in (hit, mass))
    chance = "-" if name == RANDOM else f"{100 * beats:.0f} %"
    return (name, f"{auprc:.2f}", f"{f1:.2f}", *shares, f"{aopc:.3f}", chance, times)


if __name__ == "__main__":
    main()
