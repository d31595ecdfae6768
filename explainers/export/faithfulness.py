"""Export a Faithfulness: JSON with everything, and CSV with its curves."""

import csv
import io
import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np

from ..results.faithfulness import BAND, Curves, Faithfulness

FORMAT = "wherefore-check/1"
NAMES = ("comprehensiveness", "sufficiency")


def to_json(faithfulness: Faithfulness) -> str:
    """Serialise all of it; a number that is not defined is null."""
    plain: dict[str, Any] = {
        "format": FORMAT,
        "verdict": faithfulness.verdict,
        **{name: getattr(faithfulness, name) for name in faithfulness.__dataclass_fields__},
        "request": faithfulness.request.to_query(),
        "target": asdict(faithfulness.target),
        "fractions": faithfulness.fractions.tolist(),
        "curves": _list_curves(faithfulness.curves),
        "random": _list_curves(faithfulness.random),
        "measures": [
            {name: _replace_nan(value) for name, value in asdict(measure).items()} | {"verdict": measure.verdict}
            for measure in faithfulness.measures
        ],
    }
    return json.dumps(plain, ensure_ascii=False, allow_nan=False)


def _list_curves(curves: Curves) -> dict[str, Any]:
    return {name: getattr(curves, name).tolist() for name in NAMES}


def _replace_nan(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


def to_csv(faithfulness: Faithfulness) -> str:
    """Write one row per fraction: both falls, each with mean and central 95 % of the random rankings."""
    table: dict[str, list[float]] = {"fraction": faithfulness.fractions.tolist()}
    for name in NAMES:
        random = getattr(faithfulness.random, name)  # (R, K)
        low, high = np.percentile(random, BAND, axis=0)
        lines = {"": getattr(faithfulness, name), "_random": random.mean(0), "_low": low, "_high": high}
        table |= {name + suffix: line.tolist() for suffix, line in lines.items()}
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return sheet.getvalue()
