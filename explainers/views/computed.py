"""How an explanation was computed, from its own settings; and the Python lines that compute it again.

Knows no Streamlit.
"""

from ..data import Explanation, Pairs
from ..method import METHODS
from .palette import CSS
from .spans import direction, unit_in_words
from .text import escaped


def computed(explanation: Explanation, row: int = 0) -> Pairs:
    """Name and value of everything that made the explanation."""
    request, method = explanation.request, METHODS[explanation.request.method]
    rows = [
        ("Method", f"{method.label}: {method.summary} ({method.paper})"),
        ("Explained", f"{direction(explanation, row)}; score in units {unit_in_words(explanation.unit)}"),
        ("Value at the text", f"{explanation.values[row]:.6g}"),
    ]
    if explanation.baselines is not None:
        rows.append(("Value at the baseline", f"{explanation.baselines[row]:.6g}"))
    rows += [(name.replace("_", " ").capitalize(), text) for name, text in request.options.items() if text]
    rows += [(name.capitalize(), text) for name, text in explanation.about if text]
    return (*rows, ("Seed", str(request.seed)))


def table(rows: Pairs) -> str:
    """Names and values as an HTML table."""
    cells = "".join(f'<tr><th scope="row">{escaped(name)}</th><td>{escaped(text)}</td></tr>' for name, text in rows)
    return f'<style>{CSS}</style><table class="wf-how">{cells}</table>'


def code(explanation: Explanation) -> str:
    """Python that computes the same explanation with the library."""
    request = explanation.request
    target = {
        name: value for name in ("label", "index", "foil") if (value := getattr(request.target, name)) is not None
    }
    named = ", ".join(f"{name}={value!r}" for name, value in target.items())
    lines = [
        "from explainers import Request, Target, explain" if target else "from explainers import Request, explain",
        "",
        "request = Request(",
        f"    task={request.task!r},",
        f"    model={request.model!r},",
        f"    method={request.method!r},",
        f"    inputs={request.texts!r},",
        *([f"    target=Target({named}),"] if target else []),
        f"    params={request.options!r},",
        f"    seed={request.seed!r},",
        ")",
        "explanation = explain(request)",
        "for text, score in explanation.by_word().pairs():",
        '    print(f"{score:+.4f}  {text}")',
    ]
    return "\n".join(lines) + "\n"
