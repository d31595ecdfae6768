"""`MultiLabelClassificationExplainer`: explain every label of a text."""

from ..engine import predict
from ..export.html import to_html
from ..results.explanation import Prediction
from ..visualization.text.format import number_duplicates
from .base import LAYER, Page, TokenScores, get_probabilities, list_scores, write_page
from .classifier import Classifier


class MultiLabelClassificationExplainer(Classifier):
    """`explainer = MultiLabelClassificationExplainer(model, tokenizer); explainer("Thank you, I was so worried")`.

    The call returns for each label, in the model's order, the tokens with their scores for it.
    """

    task = "multi_label_classification"

    def __call__(
        self,
        text: str,
        embedding_type: int = 0,
        internal_batch_size: int | None = None,
        n_steps: int | None = None,
    ) -> dict[str, TokenScores]:
        """Explain every label of `text`: the word (`embedding_type` 0) or position (1) embeddings."""
        self._integrate({"text": text}, embedding_type, internal_batch_size, n_steps, labels=len(self._labels))
        return self.word_attributions

    @property
    def word_attributions(self) -> dict[str, TokenScores]:
        """For each label the tokens of the last text with their scores, L2-normalised."""
        rows = {target.index: row for row, target in enumerate(self.explanation.targets)}
        names = number_duplicates(self._labels)
        return {label: list_scores(self.explanation, rows[index]) for index, label in enumerate(names)}

    @property
    def label_probs_dict(self) -> dict[str, float]:
        """Probability of each label by its name."""
        return dict(zip(number_duplicates(self._labels), self.pred_probs_list, strict=True))

    @property
    def pred_probs_list(self) -> list[float]:
        """Probability of each label in the model's order."""
        probabilities = get_probabilities(self.explanation)
        return [probabilities[index] for index in range(len(self._labels))]

    def predict(self, text: str) -> Prediction:
        """Predict every label with its probability, most probable first."""
        return predict(self._request({"text": text}, LAYER), bundle=self._bundle)

    def visualize(self, html_filepath: str | None = None, true_class: str | None = None) -> Page:
        """Return an HTML page with one heatmap per label; write it to `html_filepath` if given."""
        return write_page(to_html(self.explanation, true_label=true_class), html_filepath)
