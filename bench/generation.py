"""Compare Wherefore with Inseq on generated text and the same weights: time, passes, memory and error.

Run it with `python -m bench.generation`; it makes a virtual environment for Inseq, and prints a Markdown table.
Each row is measured in a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.report import format_table, show_progress
from bench.resident import Cost, measure
from explainers import CARDS, Explanation, Request, explain, predict
from explainers.loading import load
from explainers.settings import PREFIX

INSEQ = "0.7.1"
PROMPT = (
    "The old lighthouse keeper had lived on the island for thirty years, and every evening he climbed narrow stairs to "
    "light the lamp. One night in November a storm broke the window, the wind blew the flame out, and he could see the "
    "lights of a ship coming close to the rocks. He"
)
LENGTHS = (5, 20)
METHODS = ("saliency", "input_x_gradient", "integrated_gradients")
TOLERANCES = (0.005, 0.02, 0.05)  # of ours, beside Inseq's 50 steps; the first is what everybody gets
PATIENCE = 36_000  # seconds, and passes, that our own limits leave to one explanation
STRICT = 0.005  # tolerance of the map that stands for the truth of integrated gradients
MOST = 300  # points of the line for one token, whether they were enough or not: what everybody gets
Scores = NDArray[np.float64]
HEAD = (
    "method",
    "tokens written",
    "tool",
    "seconds",
    "of processors",
    "passes: forward",
    "backward",
    "peak memory, MB",
    "error: median",
    "largest",
    "processor time, of Inseq's",
    "memory, of Inseq's",
)


@dataclass(frozen=True)
class Row:
    """One method on one text by one tool: what it took, and the scores (T, F) that it gave, NaN where none."""

    method: str
    length: int
    tool: str
    cost: Cost
    scores: Scores

    def errors(self, truth: Scores) -> Scores:
        """Return the relative L1 error of each token's scores, (T,)."""
        width = min(self.scores.shape[1], truth.shape[1])
        off = np.nansum(np.abs(self.scores[:, :width] - truth[:, :width]), axis=1)
        return off / np.nansum(np.abs(truth), axis=1)


def main() -> None:
    """Measure and print."""
    options = parse_arguments()
    if options.worker:
        print(json.dumps(run_wherefore(json.loads(options.worker))))
        return
    torch.set_num_threads(options.threads)
    os.environ |= {f"{PREFIX}SECONDS": str(PATIENCE), f"{PREFIX}PASSES": str(PATIENCE)}  # before they are first read
    with TemporaryDirectory() as folder:
        other = options.inseq or install_inseq(Path(folder))
        weights = Path(folder, "smollm2")
        texts = {length: generate_text(length) for length in options.lengths}
        save_weights(weights)
        cases = [(method, length) for length in options.lengths for method in options.methods]
        rows = []
        for method, length in show_progress(cases, "methods and lengths"):
            asked = {"method": method, "text": texts[length], "threads": options.threads}
            here, script = [sys.executable, "-m", "bench.generation", "--worker"], Path(__file__).parent
            for tolerance in options.tolerances if method == "integrated_gradients" else (0.0,):
                tool = "Wherefore" + (f", tolerance {tolerance:g}" if tolerance else "")
                rows.append(
                    run_tool(method, length, tool, here, asked | {"tolerance": tolerance, "most": options.most})
                )
            command = [str(other / "bin" / "python"), str(script / "inseq_worker.py")]
            rows.append(run_tool(method, length, f"Inseq {INSEQ}", command, asked | {"model": str(weights)}))
    print(make_heading(options))
    exact = "integrated_gradients" in options.methods
    print(
        make_table(rows, {length: compute_truth(texts[length], options.strict) for length in options.lengths if exact})
    )


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.generation")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="torch threads (default: every core)")
    parser.add_argument("--inseq", type=Path, help="a virtual environment that has Inseq (default: a new one)")
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS, help="tokens written (default: 5 20)")
    parser.add_argument(
        "--tolerances", type=float, nargs="+", default=TOLERANCES, help="of ours (default: %(default)s)"
    )
    parser.add_argument("--most", type=int, default=MOST, help="points for one token (default: %(default)s)")
    parser.add_argument(
        "--strict", type=float, default=STRICT, help="tolerance of the map that errors are distances from"
    )
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def install_inseq(folder: Path) -> Path:
    """Make a virtual environment with Inseq and the versions of torch and transformers that run here."""
    home = folder / "inseq"
    venv.create(home, with_pip=True)
    wanted = [f"inseq=={INSEQ}", *(f"{name}=={version(name).split('+')[0]}" for name in ("torch", "transformers"))]
    subprocess.run([home / "bin" / "pip", "install", "--quiet", "--no-input", *wanted], check=True)
    return home


def save_weights(folder: Path) -> None:
    """Save the bundled model's weights and tokenizer as plain files, for a tool that cannot read GGUF."""
    bundle = load(CARDS["smollm2"])
    config = {name: value for name, value in bundle.model.config.to_dict().items() if name != "quantization_config"}
    folder.mkdir()
    torch.save(bundle.model.state_dict(), folder / "weights.pt")
    (folder / "config.json").write_text(json.dumps(config))
    bundle.tokenizer.save_pretrained(folder / "tokenizer")


def generate_text(length: int) -> str:
    """Return what the model generates after the prompt."""
    request = Request("text_generation", "smollm2", {"prompt": PROMPT}, params={"most_new_tokens": length})
    return predict(request).text


def run_tool(method: str, length: int, tool: str, command: Sequence[str], asked: dict[str, Any]) -> Row:
    """Run a tool on a case in a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": str(asked["threads"]), "HF_HUB_OFFLINE": "1"}
    whole = [*command, json.dumps(asked | {"prompt": PROMPT})]
    done = subprocess.run(whole, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    read = json.loads(done.stdout.splitlines()[-1])
    return Row(method, length, tool, Cost(**read["cost"]), np.array(read["scores"], dtype=float))


def run_wherefore(asked: dict[str, Any]) -> dict[str, Any]:
    """Explain with Wherefore, in this process; the model is loaded and has run once before time is measured."""
    torch.set_num_threads(asked["threads"])
    params = {"tolerance": asked["tolerance"], "most_passes": asked["most"]} if asked["tolerance"] else {}
    request = make_request(asked["method"], asked["text"], **params)
    predict(request)
    with measure(load(CARDS["smollm2"]).model) as cost:
        explanation = explain(request)
    return {"cost": cost() | {"backward": explanation.evaluations[1]}, "scores": explanation.scores.tolist()}


def make_request(method: str, text: str, **params: float) -> Request:
    """Return the request that explains `text` as the continuation of the prompt."""
    return Request("text_generation", "smollm2", {"prompt": PROMPT, "continuation": text}, method, params=params)


def compute_truth(text: str, tolerance: float) -> Explanation:
    """Compute integrated gradients at a much lower tolerance than those that are measured."""
    return explain(make_request("integrated_gradients", text, tolerance=tolerance, most_passes=2_000))


def make_heading(options: argparse.Namespace) -> str:
    """Describe what was measured, and with which versions."""
    count = len(load(CARDS["smollm2"]).tokenizer(PROMPT)["input_ids"])
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers"))
    return (
        f"Model `smollm2`, a prompt of {count} tokens, torch threads: {options.threads}, {libraries}; loading is not "
        f"timed.\nWherefore takes at most {options.most} points for one token's integrated gradients. Errors are "
        f"distances from an explanation with a tolerance of {options.strict:g}.\n"
    )


def make_table(rows: list[Row], truths: dict[int, Explanation]) -> str:
    """Return all rows, each beside Inseq's of its case."""
    theirs = {(row.method, row.length): row.cost for row in rows if row.tool.startswith("Inseq")}
    return format_table(HEAD, [make_row(row, theirs[row.method, row.length], truths) for row in rows])


def make_row(row: Row, theirs: Cost, truths: dict[int, Explanation]) -> tuple[str, ...]:
    """Return a row as the table shows it."""
    shown = ("-", "-")
    if row.method == "integrated_gradients":
        errors = row.errors(truths[row.length].scores.astype(float))
        shown = f"{np.median(errors):.2%}", f"{errors.max():.2%}"
    cost = row.cost
    times = f"{cost.seconds:.1f}", f"{cost.processor:.1f}", str(cost.forward), str(cost.backward)
    ratios = f"{cost.processor / theirs.processor:.2f}", f"{cost.megabytes / theirs.megabytes:.2f}"
    return (row.method, str(row.length), row.tool, *times, f"{cost.megabytes:.0f}", *shown, *ratios)


if __name__ == "__main__":
    main()
