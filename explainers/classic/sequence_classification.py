"""`SequenceClassificationExplainer`: explain one class of a text."""

from ..engine import predict
from ..export.html import to_html
from ..results.explanation import Prediction
from .base import LAYER, Page, TokenScores, list_scores, write_page
from .classifier import Classifier


class SequenceClassificationExplainer(Classifier):
    """`explainer = SequenceClassificationExplainer(model, tokenizer); explainer("I love you")`.

    The call returns each token with its layer integrated gradients score, L2-normalised.
    """

    task = "text_classification"

    def __call__(
        self,
        text: str,
        index: int | None = None,
        class_name: str | None = None,
        embedding_type: int = 0,
        internal_batch_size: int | None = None,
        n_steps: int | None = None,
    ) -> TokenScores:
        """Explain `text`: the class by `index`, else by `class_name`, else the predicted one.

        `embedding_type` 0 explains the word embeddings, 1 the position embeddings.
        """
        target = self._choose_target(index, class_name)
        self._integrate({"text": text}, embedding_type, internal_batch_size, n_steps, target)
        return self.word_attributions

    @property
    def word_attributions(self) -> TokenScores:
        """The tokens of the last text with their scores, L2-normalised."""
        return list_scores(self.explanation)

    def predict(self, text: str) -> Prediction:
        """Predict every label with its probability, most probable first."""
        return predict(self._request({"text": text}, LAYER), bundle=self._bundle)

    def visualize(self, html_filepath: str | None = None, true_class: str | None = None) -> Page:
        """Return the last explanation as an HTML page; write it to `html_filepath` if given."""
        return write_page(to_html(self.explanation, true_label=true_class), html_filepath)
