"""`MultiLabelClassificationExplainer`: one text, every label of the model explained.

Knows no page.
"""

from ..engine import predict
from ..export.html import to_html
from ..results.explanation import Prediction
from .base import LAYER, Page, TokenScores, list_scores, write_page
from .classifier import Classifier


class MultiLabelClassificationExplainer(Classifier):
    """`explainer = MultiLabelClassificationExplainer(model, tokenizer); explainer("Thank you, I was so worried")`.

    The call returns each label, in the model's own order, with the scores of all tokens for it.
    """

    task = "multi_label_classification"

    def __call__(
        self,
        text: str,
        embedding_type: int = 0,
        internal_batch_size: int | None = None,
        n_steps: int | None = None,
    ) -> dict[str, TokenScores]:
        """Explain every label of `text`; `embedding_type` 0 explains what the words say, 1 where they stand."""
        every = len(self._labels)
        self._integrate({"text": text}, embedding_type, internal_batch_size, n_steps, labels=every)
        return self.word_attributions

    @property
    def word_attributions(self) -> dict[str, TokenScores]:
        """For each label every token of the last text with its score, L2-normalised."""
        rows = {target.index: row for row, target in enumerate(self.explanation.targets)}
        return {label: list_scores(self.explanation, rows[index]) for index, label in enumerate(self._labels)}

    @property
    def label_probs_dict(self) -> dict[str, float]:
        """The probability of each label."""
        return dict(zip(self._labels, self.pred_probs_list, strict=True))

    @property
    def pred_probs_list(self) -> list[float]:
        """The probabilities in the model's own order of labels."""
        said = {target.index: target.probability for target in self.explanation.prediction.targets}
        return [float(said[index] or 0.0) for index in range(len(self._labels))]

    def predict(self, text: str) -> Prediction:
        """Every label with its probability, best first."""
        return predict(self._request({"text": text}, LAYER), bundle=self._bundle)

    def visualize(self, html_filepath: str | None = None, true_class: str | None = None) -> Page:
        """The last explanation as a page, a map a label, written to `html_filepath` if given."""
        return write_page(to_html(self.explanation, true_label=true_class), html_filepath)
