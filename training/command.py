"""The command line that all training scripts share."""

import argparse
from pathlib import Path

from training.adapter import train
from training.jobs import Job

MODELS = Path(__file__).resolve().parent.parent / "models"


def make_parser(keys: list[str], *, base: bool = True) -> argparse.ArgumentParser:
    """Make a parser of a model's key, the data folder, the base weights (required if `base`), the models' folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("key", choices=keys)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--base", type=Path, required=base, help="folder of the base weights")
    parser.add_argument("--out", type=Path, help="folder of the adapter (default: models/<key>)")
    return parser


def train_from_command_line(jobs: dict[str, Job]) -> None:
    """Train the job that the command line names."""
    parser = make_parser(sorted(jobs))
    parser.add_argument("--done", type=int, default=0, help="epochs that the adapter in --out has behind it")
    arguments = parser.parse_args()
    out = arguments.out or MODELS / arguments.key
    train(jobs[arguments.key], arguments.base, arguments.data, out, arguments.done)
