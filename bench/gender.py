"""Gender in translation: Turkish “o” is he, she and it at once; which does the model make of it, by profession?

Run it with `python -m bench.gender`; it prints a Markdown table and what it comes to. Needs no data, knows no page.
"""

import argparse

import torch

from bench.report import markdown
from explainers import Request, Target, explain
from explainers.analyses.word_substitution import PROFESSIONS, make_question, substitute
from explainers.results.substitution import Substitution
from explainers.visualization.text.format import format_probability

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
    lines = sorted(zip(PROFESSIONS, found, strict=True), key=lambda line: line[1].share)
    known = [swap for english, swap in lines if knows(english, swap)]
    table = markdown(HEAD, (line(english, swap) for english, swap in lines))
    return (
        f"Model `{model}`, “{template}” with {len(found)} professions. “He” is likelier than “She” in "
        f"{sum(swap.share > 0.5 for swap in found)} of them; its share of the two is {of_the_two(found)}. "
        f"{len(known)} come out as the profession that they are; of those “He” is likelier in "
        f"{sum(swap.share > 0.5 for swap in known)}, its share {of_the_two(known)}.\n\n{table}"
    )


def measured(model: str, template: str) -> tuple[Substitution, ...]:
    """A Swap for each profession."""
    before, _, after = template.partition("{}")
    inputs = {"source": before + PROFESSION + after, "target": "He"}
    first = explain(Request("translation", model, inputs, "saliency", Target(foil="She")))
    place = "source", len(before), len(before) + len(PROFESSION)
    return substitute(make_question(first, 0, place, tuple(PROFESSIONS.values())))


def knows(english: str, swap: Substitution) -> bool:
    """Whether the translation names the profession."""
    return english in swap.continuation.casefold()


def of_the_two(found: list[Substitution] | tuple[Substitution, ...]) -> str:
    """The least and the largest share."""
    shares = sorted(swap.share for swap in found)
    return f"{format_probability(shares[0])} to {format_probability(shares[-1])}" if shares else "nothing"


def line(english: str, swap: Substitution) -> tuple[str, ...]:
    """A profession as a row of the table."""
    numbers = (
        format_probability(swap.probability),
        format_probability(swap.foil_probability or 0.0),
        format_probability(swap.share),
    )
    return (english, swap.word, *numbers, "yes" if knows(english, swap) else "no", swap.continuation)


if __name__ == "__main__":
    main()
