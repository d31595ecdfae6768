"""How an explanation was computed, from its own settings, and the Python code that computes it again."""

import re

from ...registry import METHODS, Value
from ...request import Pairs, Request
from ...results.explanation import Explanation
from ..text.spans import name_direction, name_unit

WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?")

PRINT_LINES = ["for text, score in explanation.by_word().pairs():", '    print(f"{score:+.4f}  {text}")']
DRAW_IMPORTS = [
    "from explainers.visualization.image.render import render_png",
    "from explainers.visualization.image.heatmap import Look",
]
DRAW_LINES = ['Path("map.png").write_bytes(render_png(explanation, Look("overlay")))']


def list_provenance(explanation: Explanation, row: int = 0) -> Pairs:
    """List method, explained number, settings and versions of an explanation, as names and values."""
    request, method = explanation.request, METHODS.get(explanation.request.method)
    rows = [
        ("Method", f"{method.label}: {method.summary} ({method.paper})" if method else request.method),
        ("Explained", f"{_name_explained(explanation, row)}, in {name_unit(explanation.unit)}"),
        ("Value at the input", f"{explanation.values[row]:.6g}"),
    ]
    if explanation.baselines is not None:
        rows.append(("Value at the baseline", f"{explanation.baselines[row]:.6g}"))
    facts = request.options | dict(explanation.about)
    if explanation.baselines is None:
        facts = {name: text for name, text in facts.items() if not name.startswith("baseline")}
    rows += [(name.replace("_", " ").capitalize(), text) for name, text in facts.items() if text]
    return (*rows, ("Seed", str(request.seed)))


def _name_explained(explanation: Explanation, row: int) -> str:
    """Name what a positive score pushes towards; the values of a generation are those of one of its tokens."""
    name, count = name_direction(explanation, row), len(explanation.targets)
    several = explanation.kind == "generation" and count > 1
    return f"each of {count} generated tokens, here {name}" if several else name


def write_code(explanation: Explanation) -> str:
    """Return Python code that computes the same explanation with the library."""
    request = explanation.request
    target = {
        name: value for name in ("label", "index", "foil") if (value := getattr(request.target, name)) is not None
    }
    named = ", ".join(f"{name}={value!r}" for name, value in target.items())
    changed = list_settings(explanation)
    lines = [
        *(["from pathlib import Path", ""] if request.pictures else []),
        "from explainers import Request, Target, explain" if target else "from explainers import Request, explain",
        *(DRAW_IMPORTS if request.pictures else []),
        "",
        "request = Request(",
        f"    task={request.task!r},",
        f"    model={request.model!r},",
        f"    method={request.method!r},",
        f"    inputs={{{_write_inputs(request)}}},",
        *([f"    target=Target({named}),"] if target else []),
        *([f"    params={changed!r},"] if changed else []),
        *([f"    seed={request.seed!r},"] if request.seed else []),
        ")",
        "explanation = explain(request)",
        *(DRAW_LINES if request.pictures else PRINT_LINES),
    ]
    return "\n".join(lines) + "\n"


def _write_inputs(request: Request) -> str:
    """Write the inputs as the items of a Python dict; an image as the name of a file."""
    texts = [f"{name!r}: {text!r}" for name, text in request.texts.items()]
    return ", ".join(texts + [f'{name!r}: Path("image.png")' for name in request.pictures])


def list_settings(explanation: Explanation) -> dict[str, Value]:
    """Return the settings that differ from the method's defaults, as Python values."""
    method = METHODS.get(explanation.request.method)
    defaults = {param.name: param.default for param in method.params} if method else {}
    values = {name: _parse_value(text) for name, text in explanation.request.options.items()}
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}


def _parse_value(text: str) -> Value:
    """Parse a setting of a Request: true, false, a number in its shortest form, or the text itself."""
    if text in ("true", "false"):
        return text == "true"
    if WHOLE.fullmatch(text):
        return int(text)
    return float(text) if DECIMAL.fullmatch(text) and repr(float(text)) == text else text
