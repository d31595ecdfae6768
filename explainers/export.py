"""Explanations as files: JSON that loads back equal, CSV, and one HTML file that opens anywhere, offline.

Knows no torch and no Streamlit.
"""

import csv
import io
import json
import math
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from .data import Explanation, Feature, Floats, Prediction, Request, Target
from .errors import BadRequest
from .views.computed import code, computed, table
from .views.meter import meter
from .views.sentence import sentence
from .views.spans import spans
from .views.table import rows
from .views.text import escaped

FORMAT = "wherefore/1"
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet may take for the start of a formula
ARRAYS = ("scores", "values", "baselines")


def to_json(explanation: Explanation) -> str:
    """The whole explanation; `from_json` gives an equal one back."""
    plain = {field.name: getattr(explanation, field.name) for field in fields(explanation)}
    arrays = {name: _listed(plain[name]) for name in ARRAYS}
    nouns = {
        "request": explanation.request.to_query(),
        "features": [asdict(feature) for feature in explanation.features],
        "targets": [asdict(target) for target in explanation.targets],
        "prediction": asdict(explanation.prediction),
    }
    return json.dumps({"format": FORMAT} | plain | arrays | nouns, ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> Explanation:
    """The explanation that `to_json` wrote. Raises BadRequest for anything else."""
    try:
        read = json.loads(text)
        if read.pop("format", None) != FORMAT:
            raise BadRequest(f"This file is not an explanation that Wherefore wrote ({FORMAT}).")
        said = read["prediction"]
        nouns: dict[str, Any] = {
            "request": Request.from_query(read["request"]),
            "features": tuple(Feature(**feature) for feature in read["features"]),
            "targets": tuple(Target(**target) for target in read["targets"]),
            "prediction": Prediction(tuple(Target(**target) for target in said["targets"]), said["text"]),
            "converged": read["converged"] and tuple(read["converged"]),
            "evaluations": tuple(read["evaluations"]),
            "notices": tuple(read["notices"]),
            "about": tuple((name, value) for name, value in read["about"]),
            "grid": read["grid"] and tuple(read["grid"]),
        }
        arrays: dict[str, Any] = {name: _array(read[name]) for name in ARRAYS}
        return Explanation(**read | nouns | arrays)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise BadRequest(f"This file is damaged, or not an explanation: {type(error).__name__}.") from None


def _listed(array: Floats | None) -> Any:
    """An array as nested lists, NaN as None."""
    if array is None:
        return None
    plain = array.astype(object)  # a float32 is exact as a Python float
    plain[np.isnan(array)] = None
    return plain.tolist()


def _array(read: Any) -> Floats | None:
    if read is None:
        return None
    return np.array(read, dtype=object).astype(np.float32) if np.size(read) else np.zeros(np.shape(read), np.float32)


def to_csv(explanation: Explanation) -> str:
    """One row a feature and target; no cell of text can start a formula."""
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(["target", "input", "start", "end", "special", "text", "score"])
    for target, scores in zip(explanation.targets, explanation.scores.tolist(), strict=True):
        for feature, score in zip(explanation.features, scores, strict=True):
            writer.writerow(
                [
                    _cell(target.label or str(target.index)),
                    _cell(feature.field),
                    feature.start,
                    feature.end,
                    feature.special,
                    _cell(feature.text),
                    "" if math.isnan(score) else repr(score),
                ]
            )
    return sheet.getvalue()


def _cell(text: str) -> str:
    return "'" + text if text.startswith(FORMULA) else text


def to_html(explanation: Explanation, row: int = 0, true_label: str | None = None) -> str:
    """The explanation by words as one page with no reference to anything outside it; `true_label` is what is right."""
    shown = explanation.by_word()
    notes = (*explanation.notices, *([] if true_label is None else [f"True label: {true_label}."]))
    notices = "".join(f"<p class='wf-note'>{escaped(note)}</p>" for note in notes)
    scores = "".join(
        f"<tr><td><bdi>{escaped(str(cells['text']))}</bdi></td><td>{cells['score']:+.6f}</td>"
        f"<td>{100 * float(cells['share']):.1f} %</td></tr>"
        for cells in rows(shown, row)
    )
    return PAGE.format(
        sentence=sentence(shown, row),
        notices=notices,
        map=spans(shown, row),
        meter=meter(explanation, row),
        scores=scores,
        how=table(computed(explanation, row)),
        code=escaped(code(explanation)),
    )


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Why did the model say that?</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
td, th {{ text-align: start; padding: .15rem .8rem .15rem 0; vertical-align: top; overflow-wrap: anywhere; }}
pre {{ overflow-x: auto; padding: .8rem; border: 1px solid rgb(128 128 128 / .4); }}
summary {{ cursor: pointer; margin-top: 1rem; }}
</style></head><body><main>
<h1>Why did the model say that?</h1>
<p class="wf-said">{sentence}</p>{notices}
{map}
{meter}
<details><summary>Every score</summary>
<table><tr><th>Text</th><th>Score</th><th>Share</th></tr>{scores}</table></details>
<details><summary>How this was computed</summary>{how}</details>
<details><summary>The code</summary><pre>{code}</pre></details>
<p class="wf-note">The map shows what moved this model's number, not why the world is as it is. Made with Wherefore.</p>
</main></body></html>
"""
