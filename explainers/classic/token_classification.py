"""`TokenClassificationExplainer`: explain the class of each token of a text."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..export.html import make_page, to_html
from ..request import to_plain
from ..results.explanation import Prediction
from ..tasks.tokenization import encode
from ..visualization.text.format import number_duplicates
from .attributions import LIGAttributions, TokenScores, make_attributions
from .base import LAYER, TextExplainer, count_tokens
from .classifier import Labelled
from .errors import InputIdsNotCalculatedError, InvalidCall
from .page import Page, write_page


class TokenExplanation(TypedDict):
    """The class of a token, and the scores of all tokens for it."""

    label: Any
    attribution_scores: TokenScores


class TokenClassificationExplainer(Labelled, TextExplainer):
    """`explainer = TokenClassificationExplainer(model, tokenizer); explainer("Clara lives in Vienna.")`.

    The call returns for each token its class and the scores of all tokens for it. A repeated token is numbered: "the
    (2)".
    """

    task = "token_classification"

    def __init__(self, model: Any, tokenizer: Any, attribution_type: str = "lig") -> None:
        super().__init__(model, tokenizer, attribution_type)
        self.label2id, self.id2label = self.model.config.label2id, self.model.config.id2label
        self.attributions: dict[int, LIGAttributions] | None = None  # by the position of the explained token
        self.ignored_indexes: Any = None
        self.ignored_labels: Any = None
        self._tokens: tuple[str, ...] = ()
        self._classes: NDArray[np.int64] | None = None  # of every token of the last text

    def __call__(
        self,
        text: str,
        embedding_type: int = 0,
        internal_batch_size: int | None = None,
        n_steps: int | None = None,
        ignored_indexes: Any = None,
        ignored_labels: Any = None,
    ) -> dict[str, TokenExplanation]:
        """Explain the class of every token except those at `ignored_indexes` and with `ignored_labels`.

        A label may be given as the number of its class. `embedding_type` 1 explains the position embeddings, any other
        value the word embeddings. If all tokens are ignored, the result is empty and there is no `explanation`.
        """
        self._set_steps(n_steps, internal_batch_size)
        self.ignored_indexes, self.ignored_labels = ignored_indexes, ignored_labels
        return self._run(text, embedding_type)

    def _run(self, text: str, embedding_type: int | None = None) -> dict[str, TokenExplanation]:
        classes = {target.position or 0: target.index or 0 for target in self.predict(text).targets}
        self._classes = np.array([classes[position] for position in range(len(classes))])
        self.text = text
        encoded = encode(self._bundle, {"text": text})
        self._store_inputs(encoded, count_tokens(encoded, "text"))
        self._tokens = tuple(feature.text for feature in encoded.features)
        self._explanation, self.attributions = None, {}
        if self._selected_indexes:
            ignored = sorted(set(range(len(classes))) - set(self._selected_indexes))
            self._integrate(
                {"text": text},
                1 if embedding_type == 1 else 0,
                grouping="token",
                special_tokens=True,
                ignored_indexes=",".join(map(str, ignored)),
                ignored_labels="",
                most_entities=8_192,
            )
            self.attributions = {
                target.position or 0: make_attributions(self.explanation, row)
                for row, target in enumerate(self.explanation.targets)
            }
        return self.word_attributions

    @property
    def _selected_indexes(self) -> list[int]:
        """The positions of the tokens that are explained."""
        names, ignored = self.predicted_class_names, set(_list_values(self.ignored_indexes))
        labels = self._name_classes(_list_values(self.ignored_labels))
        return [i for i, name in enumerate(names) if i not in ignored and str(name).casefold() not in labels]

    def _name_classes(self, classes: Sequence[Any]) -> set[str]:
        """Return the names, in lower case, of classes that are given by name or by number."""
        names = {index: self._find_name(index) for index in range(len(self._list_own_labels()))} if classes else {}
        for given in classes:
            if not isinstance(given, str) and given not in names and given not in names.values():
                known = ", ".join(map(str, list(names.values())[:30]))
                raise InvalidCall(f"There is no class {given!r} to ignore. The classes: {known}.")
        return {str(names.get(given, given)).casefold() for given in classes}

    @property
    def word_attributions(self) -> dict[str, TokenExplanation]:
        """For each explained token its class and the scores of all tokens for it, L2-normalised."""
        classes, names = self.predicted_class_indexes, number_duplicates(self._tokens)
        return {
            names[position]: {
                "label": self._find_name(int(classes[position])),
                "attribution_scores": attributions.word_attributions,
            }
            for position, attributions in (self.attributions or {}).items()
        }

    @property
    def predicted_class_indexes(self) -> NDArray[np.int64]:
        """Index of the class of each token of the last text, also of ignored ones."""
        if self._classes is None:
            raise InputIdsNotCalculatedError("There is no explanation yet: call the explainer first.")
        return self._classes

    @property
    def pred_probs(self) -> Tensor:
        """Probability of each class for each token of the last text, (F, C)."""
        return self._compute_logits()[0].softmax(-1)

    @property
    def predicted_class_names(self) -> list[Any]:
        """Name of the class of each token of the last text, also of ignored ones; its index if it has no name."""
        return [self._find_name(index) for index in self.predicted_class_indexes.tolist()]

    def predict(self, text: str) -> Prediction:
        """Predict the class of every token with its probability, most probable first."""
        return self._predict(
            self._request({"text": text}, LAYER, grouping="token", special_tokens=True, ignored_labels="")
        )

    def visualize(self, html_filepath: str | Path | None = None, true_classes: Sequence[str] | None = None) -> Page:
        """Return an HTML page with one heatmap per explained token; write it to `html_filepath` if given.

        `true_classes` are the correct classes, one per token.
        """
        classes, tokens = self.predicted_class_indexes, self._tokens
        if true_classes is not None and len(true_classes) != len(classes):
            raise InvalidCall(f"{len(true_classes)} true classes were given for {len(classes)} tokens.")
        if not self.attributions:
            page = make_page("", "", ["No token of this text is explained: all are ignored."])
            return write_page(page, html_filepath)
        pairs = zip(tokens, true_classes or (), strict=False)
        truth = None if true_classes is None else ", ".join(f"{token} {name}" for token, name in pairs)
        return write_page(to_html(self.explanation, true_label=truth), html_filepath)


def _list_values(given: Any) -> list[Any]:
    """List the values of a sequence, array or tensor, or the only one, as Python's own; none for None."""
    if given is None:
        return []
    alone = isinstance(given, str) or not isinstance(given, Iterable) or getattr(given, "shape", None) == ()
    return [to_plain(value) for value in ([given] if alone else given)]
