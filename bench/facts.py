"""Facts that a language model knows: of what a person would say they come from, is that the strongest word?

Run it with `python -m bench.facts --data DIR`; it prints a Markdown table. Knows no page.
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

from bench.report import markdown, told
from explainers import METHODS, Explanation, Request, explain, predict
from explainers.results.explanation import Feature

MODEL = "smollm2"
DEFAULT = ("input_x_gradient", "saliency", "integrated_gradients")
HEAD = ("method", "subject is the top source", "chance", "share of credit on the subject", "facts", "median seconds")


@dataclass(frozen=True)
class Fact:
    """A beginning that the model completes rightly, and the characters from and to of its subject."""

    prompt: str
    answer: str
    subject: tuple[int, int]


@dataclass(frozen=True)
class Found:
    """One map: whether a word of the subject is strongest, how often a random one is, its share, and the time."""

    top: bool
    chance: float
    share: float
    seconds: float


def main() -> None:
    """Measure and print."""
    options = arguments()
    torch.set_num_threads(options.threads)
    print(report(options), flush=True)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench.facts")
    parser.add_argument("--data", type=Path, required=True, help="a folder with known_facts in it")
    parser.add_argument("--facts", type=int, default=100, help="facts that the model completes rightly (default: 100)")
    parser.add_argument("--minutes", type=float, default=60, help="begin no map of a method after that (default: 60)")
    parser.add_argument("--method", nargs="+", choices=list(METHODS), default=list(DEFAULT), help="default: three")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default: 1)")
    return parser.parse_args()


def report(options: argparse.Namespace) -> str:
    """The table, with a line that says what was measured."""
    known = list(islice(right(facts(options.data)), options.facts))
    lines = [line(method, measured(known, method, options.minutes)) for method in options.method]
    return (
        f"Model `{MODEL}`, the first {len(known)} known facts that it completes rightly, the probability of its first "
        f"token explained, torch threads: {options.threads}.\n\n{markdown(HEAD, lines)}"
    )


def facts(data: Path) -> Iterator[Fact]:
    """The facts of the file whose subject stands in the prompt once."""
    with gzip.open(data / "known_facts" / "known_1000.json.gz", "rt", encoding="utf-8") as file:
        rows = json.load(file)
    for row in rows:
        if row["prompt"].count(row["subject"]) == 1:
            start = row["prompt"].index(row["subject"])
            yield Fact(row["prompt"], row["attribute"], (start, start + len(row["subject"])))


def right(known: Iterator[Fact]) -> Iterator[Fact]:
    """The facts that the model completes rightly: what is wrong comes from elsewhere."""
    for fact in known:
        said = predict(Request("text_generation", MODEL, {"prompt": fact.prompt}, params={"most_new_tokens": 1}))
        begun = said.text.strip()
        if begun and (fact.answer + " ").startswith(begun):
            yield fact


def measured(known: list[Fact], method: str, minutes: float) -> list[Found]:
    """One method's maps of the facts, as many as the time allows."""
    last, maps = time.monotonic() + 60 * minutes, []
    for fact in told(known, METHODS[method].label):
        if maps and time.monotonic() > last:
            break
        params = {"most_new_tokens": 1}
        maps.append(
            found(explain(Request("text_generation", MODEL, {"prompt": fact.prompt}, method, params=params)), fact)
        )
    return maps


def found(explanation: Explanation, fact: Fact) -> Found:
    """What a map says of the subject, word by word; special tokens and what was written are no sources."""
    shown = explanation.by_word()
    places = [i for i, feature in enumerate(shown.features) if feature.field == "prompt" and feature.start is not None]
    sizes = np.abs(shown.scores[0, places])
    inside = np.array([_inside(shown.features[i], fact) for i in places])
    return Found(
        top=bool(inside[sizes.argmax()]),
        chance=float(inside.mean()),
        share=float(sizes[inside].sum() / max(sizes.sum(), np.finfo(np.float32).tiny)),
        seconds=explanation.seconds,
    )


def _inside(word: Feature, fact: Fact) -> bool:
    return (
        word.start is not None and word.end is not None and word.start < fact.subject[1] and fact.subject[0] < word.end
    )


def line(method: str, maps: list[Found]) -> tuple[str, ...]:
    """A method's maps as a row of the table."""
    top, chance, share = (
        100 * float(np.mean([getattr(one, name) for one in maps])) for name in ("top", "chance", "share")
    )
    seconds = float(np.median([one.seconds for one in maps]))
    label = METHODS[method].label
    return (label, f"{top:.0f} %", f"{chance:.0f} %", f"{share:.0f} %", str(len(maps)), f"{seconds:.2f}")


if __name__ == "__main__":
    main()
