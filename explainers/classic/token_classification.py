"""`TokenClassificationExplainer`: explain the class of each token of a text."""

from collections.abc import Iterable, Sequence
from typing import Any, TypedDict

from ..engine import predict
from ..export.html import to_html
from ..request import to_plain
from ..results.explanation import Prediction
from ..visualization.text.format import number_duplicates
from .base import LAYER, Explainer, InvalidCall, Page, TokenScores, check_attribution_type, list_scores, write_page


class TokenExplanation(TypedDict):
    """The class of a token, and the scores of all tokens for it."""

    label: str
    attribution_scores: TokenScores


class TokenClassificationExplainer(Explainer):
    """`explainer = TokenClassificationExplainer(model, tokenizer); explainer("Clara lives in Vienna.")`.

    The call returns for each token its class and the scores of all tokens for it. A repeated token is numbered: "the
    (2)".
    """

    task = "token_classification"

    def __init__(self, model: Any, tokenizer: Any, attribution_type: str = "lig") -> None:
        check_attribution_type(attribution_type)
        super().__init__(model, tokenizer)
        self._predicted: dict[int | None, tuple[int | None, str | None]] = {}

    def __call__(
        self,
        text: str,
        embedding_type: int = 0,
        internal_batch_size: int | None = None,
        n_steps: int | None = None,
        ignored_indexes: Sequence[int] | None = None,
        ignored_labels: Sequence[str] | None = None,
    ) -> dict[str, TokenExplanation]:
        """Explain the class of every token except those at `ignored_indexes` and with `ignored_labels`.

        A label may be given as the number of its class. If every token is ignored, the result is empty and there is no
        `explanation`. `embedding_type` 1 explains the position embeddings, any other value the word embeddings.
        """
        tokens = self.predict(text).targets
        predicted = {target.position: (target.index, target.label) for target in tokens}
        positions, labels = _list_values(ignored_indexes), self._name_classes(_list_values(ignored_labels))
        names = {label.casefold() for label in labels}
        if all(t.position in positions or str(t.label).casefold() in names for t in tokens):
            self._explanation, self._predicted = None, predicted
            return {}
        self._integrate(
            {"text": text},
            embedding_type,
            internal_batch_size,
            n_steps,
            grouping="token",
            special_tokens=True,
            ignored_indexes=",".join(map(str, positions)),
            ignored_labels=",".join(labels),
            most_entities=8_192,
        )
        self._predicted = predicted
        return self.word_attributions

    def _name_classes(self, classes: Sequence[object]) -> list[str]:
        """Return the names of classes that are given by name or by number."""
        with self._bundle.lock:
            names = self._bundle.labels if classes else ()
        found = []
        for given in classes:
            label = str(given)
            if not isinstance(given, str) and label not in names:
                if not (isinstance(given, int) and 0 <= given < len(names)):
                    raise InvalidCall(f"There is no class {given!r} to ignore. The classes: {', '.join(names[:30])}.")
                label = names[given]
            if "," in label:
                raise InvalidCall(f"The label {label!r} has a comma, so it cannot be ignored by its name.")
            found.append(label)
        return found

    @property
    def word_attributions(self) -> dict[str, TokenExplanation]:
        """For each explained token its class and the scores of all tokens for it, L2-normalised."""
        if self._explanation is None and self._predicted:  # every token was ignored
            return {}
        names = number_duplicates(self.explanation.tokens)
        return {
            names[target.position or 0]: {
                "label": str(target.label),
                "attribution_scores": list_scores(self.explanation, row),
            }
            for row, target in enumerate(self.explanation.targets)
        }

    @property
    def predicted_class_indexes(self) -> list[int]:
        """Index of the class of each token of the last text, also of ignored ones."""
        return [int(index or 0) for index, _ in self._list_predicted()]

    @property
    def predicted_class_names(self) -> list[str]:
        """Name of the class of each token of the last text, also of ignored ones."""
        return [str(label) for _, label in self._list_predicted()]

    def _list_predicted(self) -> list[tuple[int | None, str | None]]:
        """List the index and the name of the class of each token of the last text."""
        if not self._predicted:
            raise InvalidCall("There is no explanation yet: call the explainer first.")
        return [self._predicted[position] for position in range(len(self._predicted))]

    def predict(self, text: str) -> Prediction:
        """Predict the class of every token with its probability, most probable first."""
        request = self._request({"text": text}, LAYER, grouping="token", special_tokens=True, ignored_labels="")
        return predict(request, bundle=self._bundle)

    def visualize(self, html_filepath: str | None = None, true_classes: Sequence[str] | None = None) -> Page:
        """Return an HTML page with one heatmap per token; write it to `html_filepath` if given.

        `true_classes` are the correct classes, one per token.
        """
        tokens = self.explanation.tokens
        if true_classes is not None and len(true_classes) != len(tokens):
            raise InvalidCall(f"{len(true_classes)} true classes were given for {len(tokens)} tokens.")
        truth = None if true_classes is None else ", ".join(map(" ".join, zip(tokens, true_classes, strict=True)))
        return write_page(to_html(self.explanation, true_label=truth), html_filepath)


def _list_values(given: Any) -> list[Any]:
    """List the values of a sequence, array or tensor, or the only one, as Python's own; none for None."""
    if given is None:
        return []
    alone = isinstance(given, str) or not isinstance(given, Iterable) or getattr(given, "shape", None) == ()
    return [to_plain(value) for value in ([given] if alone else given)]
