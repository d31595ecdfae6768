"""Gender in translation: Turkish “o” is he, she and it at once; which does the model make of it, by profession?

Run it with `python -m bench.gender`; it prints a Markdown table and what it comes to. Needs no data, knows no page.
"""

import argparse

import torch

from explainers import Request, Target, explain
from explainers.generation.professions import TURKISH
from explainers.generation.swap import Swap
from explainers.generation.swapping import asked, swaps
from explainers.views.text import likelihood

from .report import markdown

MODEL, PROFESSION, TEMPLATE = "tr-en", "doktor", "O bir {}."
HEAD = ("profession", "Turkish", "he", "she", "he, of the two", "known", "the model writes")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.gender")
    parser.add_argument("--model", default=MODEL, help=f"a translator from Turkish to English (default: {MODEL})")
    parser.add_argument("--template", default=TEMPLATE, help="a sentence with {} for the profession")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default: 1)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(report(options.model, options.template))


def report(model: str, template: str) -> str:
    """The table, she's share falling, and in how many the model says he."""
    found = measured(model, template)
    lines = sorted(zip(TURKISH, found, strict=True), key=lambda line: line[1].share)
    known = [swap for english, swap in lines if knows(english, swap)]
    table = markdown(HEAD, (line(english, swap) for english, swap in lines))
    return (
        f"Model `{model}`, “{template}” with {len(found)} professions. “He” is likelier than “She” in "
        f"{sum(swap.share > 0.5 for swap in found)} of them; its share of the two is {of_the_two(found)}. "
        f"{len(known)} come out as the profession that they are; of those “He” is likelier in "
        f"{sum(swap.share > 0.5 for swap in known)}, its share {of_the_two(known)}.\n\n{table}"
    )


def measured(model: str, template: str) -> tuple[Swap, ...]:
    """A Swap for each profession."""
    before, _, after = template.partition("{}")
    inputs = {"source": before + PROFESSION + after, "target": "He"}
    first = explain(Request("translation", model, inputs, "saliency", Target(foil="She")))
    place = "source", len(before), len(before) + len(PROFESSION)
    return swaps(asked(first, 0, place, tuple(TURKISH.values())))


def knows(english: str, swap: Swap) -> bool:
    """Whether the translation names the profession."""
    return english in swap.written.casefold()


def of_the_two(found: list[Swap] | tuple[Swap, ...]) -> str:
    """The least and the largest share."""
    shares = sorted(swap.share for swap in found)
    return f"{likelihood(shares[0])} to {likelihood(shares[-1])}" if shares else "nothing"


def line(english: str, swap: Swap) -> tuple[str, ...]:
    """A profession as a row of the table."""
    numbers = (likelihood(swap.own), likelihood(swap.foil or 0.0), likelihood(swap.share))
    return (english, swap.word, *numbers, "yes" if knows(english, swap) else "no", swap.written)


if __name__ == "__main__":
    main()
