"""Record what the public API returns, and compare later results with the record.

`python -m tests.support.recorder write` rewrites tests/recorded/*.json; `compare [--exact]` recomputes and compares.
`bundled --out DIR` records the bundled models, `bundled --compare DIR [--exact]` compares with such a record.
Only public names are imported, so that a record stays valid when modules change.
"""

import argparse
import base64
import json
import math
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from explainers import METHODS, Attack, ExplainerError, Explanation, Faithfulness, Prediction, Request
from explainers.export.serialize import to_json

FOLDER = Path(__file__).parent.parent / "recorded"
SAVED = FOLDER / "explanations"
Case = Callable[[], Any]
Suite = dict[str, dict[str, Case]]  # cases by name, by the name of their file

# Processors add up in different orders (AVX2, AVX-512, NEON), which moves a float32 sum in its last digits; a score is
# a difference of such sums. Over the few layers of these models that stays below 1e-4 of a number, or 1e-5 near zero.
RELATIVE, ABSOLUTE = 1e-4, 1e-5
# Wording, and what depends on the machine or on installed versions, is not recorded.
IGNORED = {"seconds", "notices", "reason"}
VERSIONS = {"model", "revision", "torch", "transformers", "captum"}
ADDED = ("sobol", "deep_lift", "layer_deep_lift", "reagent")  # methods after the first record, oldest first
LONG = 64  # numbers from which a list is packed


def order_methods() -> list[str]:
    """Return all methods in an order that new ones only extend: the seed of a method's case is its number there."""
    return sorted(METHODS, key=lambda method: ADDED.index(method) + 1 if method in ADDED else 0)


def to_plain(answer: Any) -> Any:
    """Convert a result of the public API to JSON values."""
    match answer:
        case Explanation():
            return drop_ignored(json.loads(to_json(answer)))
        case Prediction():
            return json.loads(json.dumps(asdict(answer)))
        case Attack():
            return attack_to_plain(answer)
        case Faithfulness():
            return faithfulness_to_plain(answer)
        case dict():
            return {str(key): to_plain(value) for key, value in answer.items()}
        case list() | tuple():
            return [to_plain(value) for value in answer]
        case None | bool() | int() | str():
            return answer
        case float():
            return None if math.isnan(answer) else answer
    if hasattr(answer, "tolist"):  # arrays and scalars of numpy
        return to_plain(answer.tolist())
    raise TypeError(f"{type(answer)} cannot be recorded")


def drop_ignored(read: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON of an explanation, an attack or a check without wording, times and versions."""
    kept = {name: value for name, value in read.items() if name not in IGNORED}
    if "about" in kept:
        kept["about"] = [pair for pair in kept["about"] if pair[0] not in VERSIONS]
    if isinstance(kept.get("measures"), list):
        words = ("label", "summary", "paper")
        kept["measures"] = [{k: v for k, v in measure.items() if k not in words} for measure in kept["measures"]]
    if "attack" in kept:
        kept["steps"] = [{k: v for k, v in step.items() if k != "change"} for step in kept["steps"]]
    return kept


def attack_to_plain(found: Attack) -> dict[str, Any]:
    """Convert all numbers and texts of an attack."""

    def step(one: Any) -> list[Any]:
        edits = [[edit.position, edit.old, edit.new, edit.score, edit.start, edit.end] for edit in one.edits]
        return to_plain([one.text, one.label, one.probability, edits])

    return {
        "request": found.request.to_query(),
        "attack": found.key,
        "field": found.field,
        "attacked": to_plain(asdict(found.attacked)),
        "wanted": to_plain(asdict(found.wanted)) if found.wanted else None,
        "success": found.success,
        "trajectory": [step(one) for one in found.trajectory],
        "minimal": [step(one) for one in found.minimal],
        "before": to_plain(found.before),
        "after": to_plain(found.after),
        "protected": found.protected,
        "params": to_plain(found.params),
        "evaluations": to_plain(found.evaluations),
    }


def faithfulness_to_plain(found: Faithfulness) -> dict[str, Any]:
    """Convert all numbers of a Faithfulness; of the random rankings their mean."""
    numbers = ("value", "random", "low", "high", "as_good", "as_bad")
    return {
        "request": found.request.to_query(),
        **{
            name: to_plain(getattr(found, name))
            for name in ("row", "unit", "signed", "piece", "pieces", "value", "blank")
        },
        "target": to_plain(asdict(found.target)),
        "fractions": to_plain(found.fractions),
        "comprehensiveness": to_plain(found.comprehensiveness),
        "sufficiency": to_plain(found.sufficiency),
        "aopc": to_plain(found.aopc),
        "tau_loo": to_plain(found.tau_loo),
        "infidelity": to_plain(found.measure("infidelity").value),
        "rankings": found.rankings,
        "every_order": found.every_order,
        "random_comprehensiveness": to_plain(found.random.comprehensiveness.mean(0)),
        "random_sufficiency": to_plain(found.random.sufficiency.mean(0)),
        "measures": {
            measure.key: {name: to_plain(getattr(measure, name)) for name in numbers} | {"better": measure.better}
            for measure in found.measures
        },
        "evaluations": to_plain(found.evaluations),
    }


def pack(tree: Any) -> Any:
    """Convert long lists of float32 numbers in a tree to base64 of their bits."""
    match tree:
        case dict():
            return {name: pack(value) for name, value in tree.items()}
        case list() if len(tree) >= LONG and all(item is None or isinstance(item, float) for item in tree):
            numbers = [math.nan if item is None else item for item in tree]
            bits = struct.pack(f"<{len(tree)}f", *numbers)
            return {"float32": base64.b64encode(bits).decode()} if read_float32(bits) == tree else tree
        case list():
            return [pack(item) for item in tree]
    return tree


def unpack(tree: Any) -> Any:
    """Convert base64 in a tree back to numbers."""
    match tree:
        case {"float32": str(text)}:
            return read_float32(base64.b64decode(text))
        case dict():
            return {name: unpack(value) for name, value in tree.items()}
        case list():
            return [unpack(item) for item in tree]
    return tree


def read_float32(bits: bytes) -> list[float | None]:
    return [None if math.isnan(number) else number for number in struct.unpack(f"<{len(bits) // 4}f", bits)]


def round_numbers(tree: Any) -> Any:
    """Round every number of a tree to float32, with the fewest digits that identify it."""
    match tree:
        case float():
            (single,) = struct.unpack("<f", struct.pack("<f", tree))
            return next(short for n in range(6, 18) if to_float32(short := float(f"{single:.{n}g}")) == single)
        case dict():
            return {name: round_numbers(value) for name, value in tree.items()}
        case list() if len(tree) >= LONG and all(item is None or isinstance(item, float) for item in tree):
            return [None if item is None else to_float32(item) for item in tree]  # to be packed
        case list():
            return [round_numbers(item) for item in tree]
    return tree


def to_float32(number: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", number))[0])


def find_differences(old: Any, new: Any, exact: bool = False, place: str = "") -> Iterator[str]:
    """Yield where two trees differ: numbers by more than the tolerance, or at all if `exact`, all else at all."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            if name not in old or name not in new:
                yield f"{place}.{name}: {'not recorded' if name not in old else 'missing now'}"
            else:
                yield from find_differences(old[name], new[name], exact, f"{place}.{name}")
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            yield f"{place}: {len(old)} items were recorded, now {len(new)}"
        for i, (one, other) in enumerate(zip(old, new, strict=False)):
            yield from find_differences(one, other, exact, f"{place}[{i}]")
    elif isinstance(old, float) and isinstance(new, float) and not exact:
        if abs(old - new) > ABSOLUTE + RELATIVE * abs(old):
            yield f"{place}: {old!r} was recorded, now {new!r}"
    elif type(old) is not type(new) or old != new:
        yield f"{place}: {str(old)[:80]!r} was recorded, now {str(new)[:80]!r}"


def record(case: Case) -> Any:
    """Run a case and return its result as JSON values; for an error its class."""
    try:
        answer = to_plain(case())
    except ExplainerError as error:
        print(f"Refused: {error}", file=sys.stderr)
        answer = {"refused": type(error).__name__}
    return json.loads(json.dumps(answer, ensure_ascii=False, allow_nan=False))


def format_records(cases: dict[str, Any]) -> str:
    """Records as JSON, a line a case, so that a diff shows which case changed."""
    lines = (
        f"{json.dumps(name)}:{json.dumps(tree, ensure_ascii=False, separators=(',', ':'))}"
        for name, tree in cases.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write(suite: Suite, folder: Path, short: bool) -> None:
    """Record every case of a suite; `short` numbers have the precision of float32."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, cases in suite.items():
        made = {}
        for name, case in time_cases(file, cases):
            tree = record(case)
            made[name] = pack(round_numbers(tree) if short else tree)
        (folder / f"{file}.json").write_text(format_records(made), "utf-8")


def read(folder: Path, file: str) -> dict[str, Any]:
    """Read the records of a file."""
    return unpack(json.loads((folder / f"{file}.json").read_text("utf-8")))


def compare(suite: Suite, folder: Path, short: bool, exact: bool) -> list[str]:
    """Run a suite and return how its results differ from the record."""
    found = []
    for file, cases in suite.items():
        old = read(folder, file)
        found += [f"{file} {name}: no case has this name" for name in old.keys() - cases.keys()]
        for name, case in time_cases(file, cases):
            if name not in old:
                found.append(f"{file} {name}: not recorded")
                continue
            new = record(case)
            found += find_differences(old[name], round_numbers(new) if short else new, exact, f"{file} {name}")
    return found


def time_cases(file: str, cases: dict[str, Case]) -> Iterator[tuple[str, Case]]:
    for name, case in cases.items():
        started = time.monotonic()
        yield name, case
        print(f"{time.monotonic() - started:6.2f} s  {file} {name}", file=sys.stderr, flush=True)


def read_links() -> list[dict[str, Any]]:
    """Read the recorded permalinks: a link's query, the parts of its Request, and the query that it writes."""
    found: list[dict[str, Any]] = json.loads((FOLDER / "permalinks.json").read_text("utf-8"))
    return found


def list_parts(request: Request) -> dict[str, Any]:
    """Return the parts of a request as JSON values; an image by its sha256."""
    return {
        "task": request.task,
        "model": request.model,
        "inputs": request.texts | {name: {"sha256": image.sha256} for name, image in request.pictures.items()},
        "method": request.method,
        "target": asdict(request.target),
        "params": request.options,
        "seed": request.seed,
    }


def main() -> int:
    import torch

    parser = argparse.ArgumentParser(prog="python -m tests.support.recorder", description=__doc__)
    parser.add_argument("what", choices=("write", "compare", "bundled"))
    parser.add_argument("--exact", action="store_true", help="compare bit by bit")
    parser.add_argument("--out", type=Path, help="where the record of the bundled models is written")
    parser.add_argument("--compare", type=Path, help="a record of the bundled models")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.what == "bundled" and bool(asked.out) == bool(asked.compare):
        parser.error("bundled needs --out DIR or --compare DIR")
    if asked.what == "bundled":
        from tests.support.recorder_bundled import list_bundled_cases

        suite, folder = list_bundled_cases(), asked.out or asked.compare
    else:
        from tests.support.recorder_cases import list_cases, write_links, write_saved

        suite, folder = list_cases(), FOLDER
    short = asked.what != "bundled"
    if asked.what == "write" or asked.out:
        write(suite, folder, short)
        if short:
            write_links()
            write_saved()
        return 0
    found = compare(suite, folder, short, asked.exact)
    print("\n".join(found[:200]))
    print(f"{len(found)} differences in {sum(map(len, suite.values()))} cases")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
