"""Export an explanation as JSON, which loads back equal, and as CSV."""

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np

from ..errors import BadRequest, ExplainerError
from ..request import PACKED, Pairs, Request, Target
from ..results.explanation import Explanation, Feature, Floats, Pixels, Prediction

FORMAT = "wherefore/1"
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # first characters of what a spreadsheet may run as a formula
HEAD = ("target", "input", "start", "end", "special", "text", "score", "spread")  # of the table of scores
ARRAYS = ("scores", "values", "baselines", "spread")
LARGEST = float(np.finfo(np.float32).max)
Noun = TypeVar("Noun")
KEYS = tuple(field.name for field in fields(Explanation) if field.name != "kind")  # kind is derived from the others


def to_json(explanation: Explanation) -> str:
    """Serialise the whole explanation; `from_json` returns an equal one."""
    plain = {name: getattr(explanation, name) for name in KEYS}
    arrays = {name: _to_lists(plain[name]) for name in ARRAYS}
    nouns = {
        "request": explanation.request.to_query(),
        "features": _write_features(explanation.features),
        "targets": [asdict(target) for target in explanation.targets],
        "prediction": asdict(explanation.prediction),
    }
    return json.dumps({"format": FORMAT} | plain | arrays | nouns, ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> Explanation:
    """Load an explanation that `to_json` wrote. Raises BadRequest for anything else."""
    try:
        read = json.loads(text)
        if not isinstance(read, dict) or read.pop("format", None) != FORMAT:
            raise BadRequest(f"This file is not an explanation saved by Wherefore ({FORMAT}).")
        read.pop("columns", None)  # of the table that the request came from
        return _read_explanation(read)
    except ExplainerError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadRequest(f"This file is damaged or not an explanation: {_describe_error(error)}.") from None


def _describe_error(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else f"{type(error).__name__}: {error}"[:200]


def _read_explanation(read: dict[str, Any]) -> Explanation:
    """Read an Explanation from JSON values. Raises TypeError or ValueError if a value is not valid."""
    request, prediction = _read_request(read["request"]), read["prediction"]
    texts = _read_pairs(read["texts"])
    nouns: dict[str, Any] = {
        "request": request,
        "features": _read_features(read["features"], dict(texts) or request.texts),
        "targets": _read_targets(read["targets"]),
        "prediction": Prediction(
            _read_targets(prediction["targets"]),
            str(_check_type("text", prediction["text"], str)),
            tuple(_read_targets(tokens) for tokens in _check_list(prediction["alternatives"])),
        ),
        "converged": None if read["converged"] is None else _check_items(bool, read["converged"]),
        "evaluations": _check_items(int, read["evaluations"]),
        "notices": _check_items(str, read["notices"]),
        "about": _read_pairs(read["about"]),
        "texts": texts,
        "steps": tuple(_read_step(*_check_list(step)) for step in _check_list(read["steps"])),
        "segments": tuple(_read_segment(*_check_list(segment)) for segment in _check_list(read["segments"])),
        "grid": None if read["grid"] is None else _check_items(int, read["grid"]),
        "frame": None if read["frame"] is None else _check_items(float, read["frame"]),
        "kind": _find_kind(read),
    }
    hints = get_type_hints(Explanation)
    plain = {name: _check_type(name, read[name], hints[name]) for name in ("unit", "signed", "additive")}
    plain |= {name: _check_type(name, read[name], float) for name in ("mismatch", "seconds")}
    if unknown := set(read) - set(KEYS):
        raise ValueError(f"unknown {min(unknown)[:40]!r}")
    explanation = Explanation(**plain, **nouns, **_read_arrays(read, len(nouns["features"])))
    if explanation.converged is not None and len(explanation.converged) != len(explanation.targets):
        raise ValueError("converged does not have one value per target")
    if len(explanation.evaluations) != 2 or (explanation.frame is not None and len(explanation.frame) != 4):
        raise ValueError("evaluations must be a pair and a frame four numbers")
    return explanation


def _find_kind(read: dict[str, Any]) -> str:
    """Return the kind of a saved explanation: an image has a grid, and a generated token does not see itself."""
    rows = [(target["position"], scores) for target, scores in zip(read["targets"], read["scores"], strict=True)]
    if read["grid"] is not None or not isinstance(read["features"], list):
        return "image"
    seen = [at is None or at >= len(scores) or scores[at] is not None for at, scores in rows]
    return "text" if any(seen) or not rows else "generation"


def _read_request(read: Any) -> Request:
    if not isinstance(read, dict) or PACKED in read:
        raise TypeError("the request is not a mapping")
    return Request.from_query(
        dict(zip(_check_items(str, list(read)), _check_items(str, list(read.values())), strict=True))
    )


def _write_features(features: Sequence[Feature]) -> Any:
    """Return features as JSON values: a list, or the shape of an image."""
    return asdict(features) if isinstance(features, Pixels) else [asdict(feature) for feature in features]


def _read_features(read: Any, texts: dict[str, str]) -> Sequence[Feature]:
    if isinstance(read, dict):
        return _read_noun(Pixels, read)
    return tuple(_read_feature(feature, texts) for feature in _check_list(read))


def _read_pairs(read: Any) -> Pairs:
    return tuple((name, value) for name, value in (_check_items(str, pair) for pair in _check_list(read)))


def _read_step(name: Any, numbers: Any) -> tuple[str, tuple[float, ...]]:
    return _check_type("a step", name, str), _check_items(float, numbers)


def _read_segment(field: Any, start: Any, end: Any, role: Any) -> tuple[str, int, int, str]:
    (field, role), (start, end) = _check_items(str, [field, role]), _check_items(int, [start, end])
    return field, start, end, role


def _read_feature(read: Any, texts: dict[str, str]) -> Feature:
    feature = _read_noun(Feature, read)
    start, end, length = feature.start, feature.end, len(texts.get(feature.field, ""))
    if (start, end) != (None, None) and not 0 <= (-1 if start is None else start) <= (end or 0) <= length:
        raise ValueError(f"a feature lies at {start} to {end}, outside its text")
    return feature


def _read_targets(read: Any) -> tuple[Target, ...]:
    return tuple(_read_noun(Target, target) for target in _check_list(read))


def _read_noun(kind: type[Noun], read: Any) -> Noun:
    """Read a dataclass, each field with exactly its declared type."""
    if not isinstance(read, dict):
        raise TypeError(f"a {kind.__name__} is a mapping")
    hints = get_type_hints(kind)
    return kind(**{name: _check_type(name, value, hints[name]) for name, value in read.items()})


def _check_type(name: str, value: Any, kind: Any) -> Any:
    if type(value) not in (get_args(kind) or (kind,)):  # not isinstance: True is not a number here
        raise TypeError(f"{name} is {type(value).__name__}")
    if isinstance(value, float) and not math.isfinite(value):  # Python's JSON reads NaN, Infinity and 1e999
        raise ValueError(f"{name} is not finite")
    if isinstance(value, str):
        value.encode()  # raises ValueError for half a surrogate pair, which cannot be saved again
    return value


def _check_list(read: Any) -> list[Any]:
    if not isinstance(read, list):
        raise TypeError(f"{type(read).__name__} instead of a list")
    return read


def _check_items(kind: type[Noun], read: Any) -> tuple[Noun, ...]:
    """Return a list's items, each of exactly that type."""
    return tuple(_check_type("an item", item, kind) for item in _check_list(read))


def _to_lists(array: Floats | None) -> Any:
    """Return an array as nested lists, NaN as None."""
    if array is None:
        return None
    plain = array.astype(object)  # a float32 is exact as a Python float
    plain[np.isnan(array)] = None
    return plain.tolist()


def _read_arrays(read: dict[str, Any], width: int) -> dict[str, Any]:
    return {
        "scores": _read_matrix("scores", read["scores"], width),
        "values": _read_vector("values", read["values"]),
        "baselines": None if read["baselines"] is None else _read_vector("baselines", read["baselines"]),
        "spread": None if read["spread"] is None else _read_matrix("spread", read["spread"], width),
    }


def _read_matrix(name: str, read: Any, width: int) -> Floats:
    """Read lists of numbers as (T, width); Explanation checks T."""
    rows = [_read_vector(name, row) for row in _check_list(read)]
    return np.stack(rows) if rows else np.zeros((0, width), np.float32)


def _read_vector(name: str, read: Any) -> Floats:
    """Read numbers, and None for NaN, as (N,)."""
    numbers = [math.nan if item is None else float(_check_type(name, item, float | int)) for item in _check_list(read)]
    if any(abs(number) > LARGEST for number in numbers):
        raise ValueError(f"{name} holds a number that is too large")
    return np.array(numbers, dtype=np.float32)


def to_csv(explanation: Explanation) -> str:
    """Write one row per feature and target; no text cell can start a formula."""
    sheet = io.StringIO()
    make_writer(sheet).writerows([HEAD, *make_rows(explanation)])
    return sheet.getvalue()


def make_writer(file: Any) -> Any:
    """Return a writer of CSV rows."""
    return csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")


def make_rows(explanation: Explanation) -> Iterator[Sequence[object]]:
    """Yield one row per feature and target under HEAD; the spread is empty if nothing was sampled."""
    spreads = np.full_like(explanation.scores, np.nan) if explanation.spread is None else explanation.spread
    for target, scores, errors in zip(explanation.targets, explanation.scores.tolist(), spreads.tolist(), strict=True):
        for feature, score, spread in zip(explanation.features, scores, errors, strict=True):
            yield (
                escape_cell(_name_uniquely(target)),
                escape_cell(feature.field),
                feature.start,
                feature.end,
                str(feature.special),
                escape_cell(feature.text),
                _blank_nan(score),
                _blank_nan(spread),
            )


def _blank_nan(score: float) -> float | str:
    return "" if math.isnan(score) else score


def _name_uniquely(target: Target) -> str:
    """Return a unique name of a target: the same text may occur twice, so its token is named too."""
    label = target.label or str(target.index)
    if not target.text:
        return label
    return f"{target.text}: {label}" + ("" if target.position is None else f" (token {target.position})")


def escape_cell(text: str) -> str:
    """Return text for a cell, quoted if a spreadsheet would run it as a formula."""
    return "'" + text if text.startswith(FORMULA) else text
