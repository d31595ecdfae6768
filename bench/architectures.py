"""Explain a small random model of every type that transformers knows, and check the explanations by brute force.

Run it with `python -m bench.architectures`; it prints Markdown tables.
"""

import argparse
import logging
import multiprocessing
import re
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import torch
import transformers

from bench.brute_force import Blind, Wrong, check, run_alone
from bench.random_models import TASKS, list_types, make_random_model
from bench.report import format_table
from explainers import ExplainerError

VERDICTS = ("right", "refused", "raw", "wrong", "not alone")
HEAD = ("task", "types", "run alone", *VERDICTS[:4], "right, of those that run alone")


@dataclass(frozen=True)
class Verdict:
    """What became of a type with a task: one of VERDICTS, with a remark, in `seconds`."""

    kind: str
    task: str
    verdict: str
    remark: str
    seconds: float = 0.0


def main() -> None:
    """Go through the types and print the tables."""
    options = parse_arguments()
    torch.set_num_threads(1)
    pairs = [(kind, task) for task in options.task for kind in list_types(task) if kind in (options.type or [kind])]
    verdicts = []
    for verdict in judge_types(pairs, options.seconds):
        verdicts.append(verdict)
        end = (
            ""
            if not options.verbose
            else f"{verdict.task} {verdict.verdict} {verdict.seconds:.1f} s {verdict.remark}\n"
        )
        print(f"\r{len(verdicts)} of {len(pairs)}: {verdict.kind:30}", end=end, file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(make_report(verdicts), flush=True)


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.architectures")
    parser.add_argument("--task", nargs="+", choices=list(TASKS), default=list(TASKS), help="default: all")
    parser.add_argument("--type", nargs="+", help="model types (default: all)")
    parser.add_argument("--seconds", type=float, default=20, help="the most that a model may take (default: 20)")
    parser.add_argument("--verbose", action="store_true", help="print each verdict as soon as it is known")
    return parser.parse_args()


def judge_types(pairs: list[tuple[str, str]], seconds: float) -> Iterator[Verdict]:
    """Yield the verdict of each type and task. A child process judges a type's tasks, and a crash ends only that."""
    tasks: dict[str, list[str]] = {}
    for kind, task in pairs:
        tasks.setdefault(kind, []).append(task)
    for kind, left in tasks.items():
        while left:
            for verdict in judge_in_child(kind, left, seconds):
                left = [task for task in left if task != verdict.task]
                yield verdict


def judge_in_child(kind: str, tasks: list[str], seconds: float) -> Iterator[Verdict]:
    """Yield the verdicts of a type's tasks until the child process crashes or is late, with that as the last."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=judge_all, args=(kind, tasks, theirs))
    child.start()
    theirs.close()
    try:
        for task in tasks:
            stage, started = "building", time.monotonic()
            while True:
                if not ours.poll(max(0.0, started + seconds - time.monotonic())):
                    verdict = "not alone" if stage == "building" else "raw"
                    yield Verdict(kind, task, verdict, f"{stage} takes more than {seconds:.0f} s", seconds)
                    return
                try:
                    message = ours.recv()
                except EOFError:
                    child.join()
                    verdict = "not alone" if stage == "building" else "raw"
                    yield Verdict(kind, task, verdict, f"{stage} ended the process with {child.exitcode}")
                    return
                if isinstance(message, Verdict):
                    yield message
                    break
                stage = message
    finally:
        child.kill()
        child.join()
        ours.close()


def judge_all(kind: str, tasks: list[str], connection: Connection) -> None:
    """Judge the tasks of a type in a child process, and send each stage and each verdict."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    transformers.logging.set_verbosity(logging.CRITICAL + 1)
    for task in tasks:
        connection.send(judge(kind, task, connection))
    connection.close()


def judge(kind: str, task: str, connection: Any = None) -> Verdict:
    """Build, run and check a type with a task's head."""
    started = time.monotonic()

    def verdict(name: str, remark: object = "") -> Verdict:
        return Verdict(kind, task, name, shorten(str(remark)), time.monotonic() - started)

    try:
        with warnings.catch_warnings(action="ignore"):
            made = make_random_model(kind, task)
            run_alone(made, task)
    except Exception as error:
        return verdict("not alone", f"{type(error).__name__}: {error}")
    if connection:
        connection.send("explaining")
    try:
        return verdict("right", check(made, task))
    except Blind as error:
        return verdict("not alone", error)
    except Wrong as error:
        return verdict("wrong", error)
    except ExplainerError as error:
        return verdict("refused", error)
    except Exception as error:
        return verdict("raw", f"{type(error).__name__}: {error}")


def shorten(text: str) -> str:
    """Return the first characters of a remark, in one line that fits into a table."""
    return re.sub(r"\s+", " ", text).replace("|", "/")[:200]


def make_report(verdicts: list[Verdict]) -> str:
    """Return the totals, the table of types, and what is not right with its reason."""
    tasks = [task for task in TASKS if any(verdict.task == task for verdict in verdicts)]
    parts = [
        f"transformers {transformers.__version__}, {len({one.kind for one in verdicts})} types, "
        f"{sum(one.seconds for one in verdicts):.0f} s.\n\n" + format_table(HEAD, make_totals(verdicts, tasks)),
        format_table(("type", *tasks), make_rows(verdicts, tasks)),
    ]
    for name in ("wrong", "raw", "refused", "not alone"):
        lines = [(one.kind, one.task, one.remark) for one in verdicts if one.verdict == name]
        if lines:
            parts.append(format_table((name, "task", "reason"), lines))
    if lines := [(one.kind, one.task, one.remark) for one in verdicts if one.verdict == "right" and one.remark]:
        parts.append(format_table(("right, but", "task", "reason"), lines))
    return "\n".join(parts)


def make_totals(verdicts: list[Verdict], tasks: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield a row of totals for each task, and one for all."""
    for name, row in (*((task, [task]) for task in tasks), ("all", tasks)):
        counts = Counter(one.verdict for one in verdicts if one.task in row)
        alone = counts.total() - counts["not alone"]
        share = f"{counts['right'] / alone:.1%}" if alone else "-"
        yield (name, str(counts.total()), str(alone), *(str(counts[kind]) for kind in VERDICTS[:4]), share)


def make_rows(verdicts: list[Verdict], tasks: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each type, with its verdict for each task."""
    known = {(one.kind, one.task): one.verdict for one in verdicts}
    for kind in sorted({one.kind for one in verdicts}):
        yield (kind, *(known.get((kind, task), "") for task in tasks))


if __name__ == "__main__":
    main()
