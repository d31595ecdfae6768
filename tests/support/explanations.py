"""Explanations with given scores, and HTML parsed as a browser does."""

from html.parser import HTMLParser

import numpy as np

from explainers.inputs.text import find_words
from explainers.request import Request, Target
from explainers.results.explanation import Explanation, Feature, Prediction
from explainers.visualization.text.escape import HIDDEN

EVIL = [
    '"><img src=x onerror=alert(1)>',
    "'><script>alert(1)</script>",
    "</span></bdi><style>*{display:none}</style>",
    "a\u202eb",
]
AGAINST = Target("POSITIVE", 1, foil="NEGATIVE", probability=0.98)
BITS = np.array([0.1, np.nan, -0.0, 1e-45, 3.4028235e38, -1 / 3, np.pi], np.float32)
VOID = {"meta", "br", "img", "link", "input", "hr"}


class ParsedHtml(HTMLParser):
    """The elements of some HTML with their attributes, and the text in each."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[list[tuple[str, dict[str, str]]], str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names))
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        self.texts.append((list(self.open), data))

    def text(self, within: str = "", without: tuple[str, ...] = ("style",)) -> str:
        """Return the text inside elements of class `within`, without elements of the tags or classes `without`."""
        found = []
        for path, data in self.texts:
            classes = {name for _, attributes in path for name in (attributes.get("class") or "").split()}
            tags = {tag for tag, _ in path}
            if (not within or within in classes) and not tags & set(without) and not classes & set(without):
                found.append(data)
        return "".join(found)

    def all(self, kind: str) -> list[dict[str, str]]:
        """Return the attributes of each element of a class."""
        return [attributes for _, attributes in self.elements if kind in (attributes.get("class") or "").split()]


def make_explanation(text="good bad film", scores=(0.3, -0.2, 0.05), **changes) -> Explanation:
    """Return an explanation of `text` by word with the given scores, the last one repeated."""
    places = find_words(text)
    features = changes.pop("features", tuple(Feature(text[a:b], "text", a, b, i) for i, (a, b) in enumerate(places)))
    label, target = changes.pop("label", "POSITIVE"), changes.pop("target", None)
    given = [*scores, *[scores[-1]] * len(features)][: len(features)]
    predicted = (Target(label, 1, probability=0.98), Target("NEGATIVE", 0, probability=0.02))
    defaults = {
        "request": Request("text_classification", "sentiment", {"text": text}),
        "features": features,
        "targets": (target or predicted[0],),
        "scores": np.array([given], np.float32),
        "values": np.array([0.98], np.float32),
        "baselines": np.array([0.98 - np.nansum(np.float32(given))], np.float32),
        "unit": "probability",
        "signed": True,
        "additive": True,
        "prediction": Prediction(predicted),
    }
    return Explanation(**defaults | changes)


def mark_controls(text: str) -> str:
    """Return the text with control characters as the marks that are rendered for them."""
    return HIDDEN.sub(lambda match: f"{ord(match.group()):04X}", text)


def make_full_explanation() -> Explanation:
    """Make an explanation in which every field has a value that is not its default."""
    text = "good <b> \u202e 👍🏽 x"
    request = Request(
        "text_classification",
        "owner/model@main",
        {"text": text, "other": ""},
        method="saliency",
        target=Target("POSITIVE", 1, foil="NEGATIVE"),
        params={"norm": "L2", "flag": True, "tolerance": 1e-3},
        seed=12,
    )
    some = (Feature(f"f{i}", "text", i, i + 1, i) for i in range(5))
    features = (Feature("[CLS]", "text", special=True), *some, Feature("y", "out"))
    targets = (AGAINST, Target(None, 0, position=4))
    return Explanation(
        request, features, targets, np.stack([BITS, BITS[::-1]]), BITS[:2], BITS[1:3], "logit_margin", False, True,
        Prediction(targets, "an answer", (targets, ())), (True, False), 2.5e-7, (45, 40), 1.25,
        ("Cut.", "Grey."), (("torch", "2.13.0"),), (("text", text), ("out", "yy")), (1, 7), None,
        (("entropy", (0.1, 2.0)),), (("text", 0, 4, "user"),), np.stack([BITS[::-1], BITS]), "image",
    )  # fmt: skip
