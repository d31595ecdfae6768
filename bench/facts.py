"""Measure how often the subject of a fact is the strongest word behind a language model's completion of it.

Run it with `python -m bench.facts --data DIR`; it prints a Markdown table.
"""

import argparse
import gzip
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from bench.report import format_table, show_progress
from explainers import METHODS, Explanation, Request, explain, predict
from explainers.results.explanation import Feature

MODEL = "smollm2"
DEFAULT = ("input_x_gradient", "saliency", "integrated_gradients")
HEAD = ("method", "subject is the top source", "chance", "share of credit on the subject", "facts", "median seconds")


@dataclass(frozen=True)
class Fact:
    """A prompt that the model completes correctly, and the first and last character of its subject."""

    prompt: str
    answer: str
    subject: tuple[int, int]


@dataclass(frozen=True)
class FactResult:
    """One explanation: whether a word of the subject is strongest, the chance of that, its share, and the time."""

    top: bool
    chance: float
    share: float
    seconds: float


def main() -> None:
    """Measure and print."""
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    print(make_report(options), flush=True)


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.facts")
    parser.add_argument("--data", type=Path, required=True, help="a folder with known_facts in it")
    parser.add_argument("--facts", type=int, default=100, help="facts that the model completes rightly (default: 100)")
    parser.add_argument("--minutes", type=float, default=60, help="begin no map of a method after that (default: 60)")
    parser.add_argument("--method", nargs="+", choices=list(METHODS), default=list(DEFAULT), help="default: three")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default: 1)")
    return parser.parse_args()


def make_report(options: argparse.Namespace) -> str:
    """Return the table, with a line that describes what was measured."""
    known = list(islice(select_correct(read_facts(options.data)), options.facts))
    lines = [make_row(method, measure_method(known, method, options.minutes)) for method in options.method]
    return (
        f"Model `{MODEL}`, the first {len(known)} known facts that it completes rightly, the probability of its first "
        f"token explained, torch threads: {options.threads}.\n\n{format_table(HEAD, lines)}"
    )


def read_facts(data: Path) -> Iterator[Fact]:
    """Yield the facts of the file whose subject occurs once in the prompt."""
    with gzip.open(data / "known_facts" / "known_1000.json.gz", "rt", encoding="utf-8") as file:
        rows = json.load(file)
    for row in rows:
        if row["prompt"].count(row["subject"]) == 1:
            start = row["prompt"].index(row["subject"])
            yield Fact(row["prompt"], row["attribute"], (start, start + len(row["subject"])))


def select_correct(known: Iterator[Fact]) -> Iterator[Fact]:
    """Yield the facts that the model completes correctly: a wrong completion has other sources."""
    for fact in known:
        said = predict(Request("text_generation", MODEL, {"prompt": fact.prompt}, params={"most_new_tokens": 1}))
        begun = said.text.strip()
        if begun and (fact.answer + " ").startswith(begun):
            yield fact


def measure_method(known: list[Fact], method: str, minutes: float) -> list[FactResult]:
    """Explain the facts with one method, as many as the time allows."""
    last, maps = time.monotonic() + 60 * minutes, []
    for fact in show_progress(known, METHODS[method].label):
        if maps and time.monotonic() > last:
            break
        params = {"most_new_tokens": 1}
        maps.append(
            measure_explanation(
                explain(Request("text_generation", MODEL, {"prompt": fact.prompt}, method, params=params)), fact
            )
        )
    return maps


def measure_explanation(explanation: Explanation, fact: Fact) -> FactResult:
    """Measure the subject's rank and share among the prompt's words; special and generated tokens are left out."""
    shown = explanation.by_word()
    places = [i for i, feature in enumerate(shown.features) if feature.field == "prompt" and feature.start is not None]
    sizes = np.abs(shown.scores[0, places])
    inside = np.array([_inside(shown.features[i], fact) for i in places])
    return FactResult(
        top=bool(inside[sizes.argmax()]),
        chance=float(inside.mean()),
        share=float(sizes[inside].sum() / max(sizes.sum(), np.finfo(np.float32).tiny)),
        seconds=explanation.seconds,
    )


def _inside(word: Feature, fact: Fact) -> bool:
    return (
        word.start is not None and word.end is not None and word.start < fact.subject[1] and fact.subject[0] < word.end
    )


def make_row(method: str, maps: list[FactResult]) -> tuple[str, ...]:
    """Return a method's results as a row of the table."""
    top, chance, share = (
        100 * float(np.mean([getattr(one, name) for one in maps])) for name in ("top", "chance", "share")
    )
    seconds = float(np.median([one.seconds for one in maps]))
    label = METHODS[method].label
    return (label, f"{top:.0f} %", f"{chance:.0f} %", f"{share:.0f} %", str(len(maps)), f"{seconds:.2f}")


if __name__ == "__main__":
    main()
