"""`TokenClassificationExplainer`: explain the class of each token of a text."""

from collections.abc import Sequence
from typing import Any, TypedDict

from ..engine import predict
from ..export.html import to_html
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

        `embedding_type` 1 explains the position embeddings, any other value the word embeddings.
        """
        self._integrate(
            {"text": text},
            embedding_type,
            internal_batch_size,
            n_steps,
            grouping="token",
            special_tokens=True,
            ignored_indexes=",".join(map(str, ignored_indexes or ())),
            ignored_labels=",".join(ignored_labels or ()),
            most_entities=8_192,
        )
        self._predicted = {target.position: (target.index, target.label) for target in self.predict(text).targets}
        return self.word_attributions

    @property
    def word_attributions(self) -> dict[str, TokenExplanation]:
        """For each explained token its class and the scores of all tokens for it, L2-normalised."""
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
        return [int(self._predicted[index][0] or 0) for index in range(len(self.explanation.tokens))]

    @property
    def predicted_class_names(self) -> list[str]:
        """Name of the class of each token of the last text, also of ignored ones."""
        return [str(self._predicted[index][1]) for index in range(len(self.explanation.tokens))]

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
