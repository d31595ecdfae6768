"""The data of the interactive view of a generation: its texts cut into parts, and its scores packed into 16 bits.

`generation.js` renders it, in a page and in an HTML file, and inserts all text as text.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from ...results.explanation import Explanation, Floats
from ...results.step_scores import MARGIN, STEP_SCORE_INFO, describe_step_score, name_step_score
from ..palette import CSS as COLOURS
from ..palette import UNREAD_OPACITY
from ..summaries.generation import find_strongest_row
from .escape import show_controls
from .format import format_probability, name_field, shorten

FINE = 32_767  # the largest score of a row as a 16-bit integer; -FINE - 1 marks a feature that is not visible
ROLES = {"system": "Instructions", "user": "You", "assistant": "Model", "tool": "Tool"}
STEPS = 4  # significant digits of a step score
Part = list[Any]  # text, feature or -1, row or -1, and 1 for a mark or, without a feature, for truncated text


def make_payload(explanation: Explanation) -> dict[str, Any]:
    """Return the data of the interactive view as JSON values; `id` is a hash of them."""
    limits, numbers = pack_scores(explanation.scores)
    payload = {
        "fields": [_pack_field(explanation, field) for field in explanation.source_texts],
        "rows": [_pack_row(explanation, row, float(limit)) for row, limit in enumerate(limits)],
        "scores": numbers,
        "unseen": [
            [index, show_controls(explanation.features[index].text)] for index in sorted(_find_unseen(explanation))
        ],
        "width": len(explanation.features),
        "first": find_strongest_row(explanation),
        "steps": [_pack_step_score(key) for key, _ in explanation.steps],
        "signed": explanation.signed,
        "additive": explanation.additive,
    }
    digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
    return {"id": digest[:16], **payload}


def find_target_rows(explanation: Explanation) -> dict[int, int]:
    """Return the row of each explained feature, by the index of the feature."""
    return {target.position: row for row, target in enumerate(explanation.targets) if target.position is not None}


def pack_scores(scores: Floats) -> tuple[Floats, str]:
    """Return the largest absolute score of each row (T,), and the scores (T, F) as shares of it: base64 of int16."""
    sizes = np.abs(np.nan_to_num(scores))
    limits = sizes.max(axis=1, initial=0.0)
    shares = scores / np.where(limits > 0, limits, 1.0)[:, None]
    whole = np.where(np.isnan(shares), -FINE - 1, np.rint(shares * FINE)).astype("<i2")
    return limits, base64.b64encode(whole.tobytes()).decode()


def _find_unseen(explanation: Explanation) -> set[int]:
    """Return the features that have no place in the text: what a tokenizer or a chat template adds."""
    rows = find_target_rows(explanation)
    return {i for i, feature in enumerate(explanation.features) if feature.start is None and i not in rows}


def _pack_row(explanation: Explanation, row: int, limit: float) -> dict[str, Any]:
    target = explanation.targets[row]
    packed: dict[str, Any] = {"name": name_target(explanation, row), "limit": float(f"{limit:.6g}")}
    if target.probability is not None:
        packed["share"] = format_probability(target.probability)
    if target.foil is not None:
        packed["foil"] = shorten(show_controls(target.foil), 40)
    if alternatives := list_alternatives(explanation, row):
        packed["instead"] = alternatives
    if explanation.steps:
        packed["steps"] = [_format_step(steps[row]) for _, steps in explanation.steps]
    return packed


def _pack_step_score(key: str) -> list[str]:
    """Return what readers are told of a step score: its name, its unit, and its meaning."""
    info = STEP_SCORE_INFO.get(key.removesuffix(MARGIN))
    return [name_step_score(key, unit=False), info.unit if info else "", describe_step_score(key)]


def _format_step(number: float) -> str:
    return f"{number:.{STEPS}g}".replace("-", "−")


def name_target(explanation: Explanation, row: int) -> str:
    """Return the text of the feature that a row explains, shortened."""
    target = explanation.targets[row]
    own = explanation.features[target.position].text if target.position is not None else target.label
    return shorten(show_controls(own or str(target.index)), 40) or "␣"


def list_alternatives(explanation: Explanation, row: int) -> list[str]:
    """List the most probable other tokens at the place of this one, each with its probability."""
    target, prediction = explanation.targets[row], explanation.prediction
    place = next((i for i, token in enumerate(prediction.targets) if token.position == target.position), None)
    if target.index is None or place is None or place >= len(prediction.alternatives):
        return []
    others = [other for other in prediction.alternatives[place] if other.index != target.index][:3]
    return [
        f"{shorten(show_controls(o.label or str(o.index)), 20)} {format_probability(o.probability or 0.0)}"
        for o in others
    ]


def _pack_field(explanation: Explanation, field: str) -> dict[str, Any]:
    """Return an input's name, and its text as blocks: the role, and the parts in order."""
    blocks: list[dict[str, Any]] = []
    for start, end, role in _split_blocks(explanation, field):
        parts = _split_parts(explanation, field, start, end)
        if any(part[1] >= 0 or part[0].strip() for part in parts):
            blocks.append({"role": role, "parts": parts})
    return {"title": name_field(field), "blocks": blocks}


def _split_blocks(explanation: Explanation, field: str) -> list[tuple[int, int, str]]:
    """Split the whole text by role: start, end, and the name of the role, empty if it has none."""
    place, blocks = 0, []
    for _, start, end, role in sorted(segment for segment in explanation.segments if segment[0] == field):
        blocks += [(place, start, ""), (start, end, ROLES.get(role, role[:1].upper() + role[1:]))]
        place = end
    return [*blocks, (place, len(explanation.source_texts[field]) + 1, "")]


def _split_parts(explanation: Explanation, field: str, start: int, end: int) -> list[Part]:
    """Split a text from `start` to `end` into features and what lies between them; a whitespace token is a mark."""
    text, rows, unseen = explanation.source_texts[field], find_target_rows(explanation), _find_unseen(explanation)
    parts: list[Part] = []
    place, last = start, 0
    for index, feature in enumerate(explanation.features):
        if feature.field != field or index in unseen:
            continue
        first = last if feature.start is None else feature.start
        last = max(last, first if feature.end is None else feature.end)
        if not start <= first < end:
            continue
        if first > place:
            parts.append(_make_gap(text[place:first], not parts))
        stop = first if feature.end is None else feature.end
        if feature.start is None or stop == first:
            parts.append([show_controls(feature.text), index, rows.get(index, -1), 1])
        else:
            parts.append([show_controls(text[max(place, first) : stop]), index, rows.get(index, -1), 0])
        place = max(place, stop)
    rest = text[place : min(end, len(text))]
    return [*parts, _make_gap(rest, True)] if rest else parts


def _make_gap(text: str, outside: bool) -> Part:
    """Return a part without a feature; words before the first feature and behind the last were truncated."""
    return [show_controls(text), -1, -1, int(outside and bool(text.strip()))]


SCRIPT = Path(__file__).with_suffix(".js").read_text("utf-8")
HTML = '<div class="wf-g"></div>'
CSS = f"""{COLOURS}
.wf-g {{ max-width: 52rem; overflow-wrap: anywhere; }}
.wf-g-text {{ white-space: pre-wrap; line-height: 2.1; font-size: 1.15rem; position: relative; }}
.wf-g-role {{ border-inline-start: .2em solid rgb(128 128 128 / .45); padding-inline-start: .7em; margin: .4em 0; }}
.wf-g-role > small {{ display: block; font-size: .75rem; font-weight: 600; opacity: .8; line-height: 1.4; }}
.wf-g-o {{ cursor: pointer; border-radius: .2em; box-shadow: inset 0 -.07em 0 rgb(128 128 128 / .55);
  user-select: none; -webkit-user-select: none; }}
.wf-g-o:focus-visible {{ outline: .15em solid currentColor; outline-offset: .1em; }}
.wf-g-on {{ outline: .12em solid currentColor; outline-offset: .05em; }}
.wf-g-hidden {{ opacity: {UNREAD_OPACITY}; }}
.wf-g-mark {{ font-size: .7em; border: 1px dotted currentColor; border-radius: .2em; padding: 0 .2em; }}
.wf-g-said {{ font-size: 1.05rem; line-height: 1.5; min-height: 3em; margin: .6rem 0 .2rem; }}
.wf-g-more {{ font-size: .85rem; opacity: .85; min-height: 1.4em; font-variant-numeric: tabular-nums; }}
.wf-g-more span[title] {{ cursor: help; }}
.wf-g-steps {{ font-size: .85rem; margin-top: .4rem; }}
.wf-g-steps summary {{ cursor: pointer; }}
.wf-g-steps dl {{ margin: .4rem 0; max-width: 44rem; }}
.wf-g-steps dt {{ font-weight: 600; }}
.wf-g-steps dd {{ margin: 0 0 .3rem 1rem; }}
.wf-g-tools {{ display: flex; flex-wrap: wrap; gap: .3rem 1rem; align-items: center; font-size: .85rem;
  margin-top: .4rem; }}
.wf-g-tools select {{ font: inherit; color: inherit; background: transparent; border: 1px solid currentColor;
  border-radius: .3em; padding: .1em .3em; }}
.wf-g-tools option {{ color: #111; background: #fff; }}
.wf-g .wf-t:not([data-n])::after {{ content: none; }}
"""
