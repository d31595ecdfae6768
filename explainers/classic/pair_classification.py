"""`PairwiseSequenceClassificationExplainer`: explain one class of a pair of texts."""

from ..engine import predict
from ..export.html import to_html
from ..results.explanation import Prediction
from .base import LAYER, Page, TokenScores, list_scores, write_page
from .classifier import Classifier


class PairwiseSequenceClassificationExplainer(Classifier):
    """`explainer = PairwiseSequenceClassificationExplainer(model, tokenizer); explainer("It rains", "It is dry")`."""

    task = "pair_classification"

    def __call__(
        self,
        text1: str,
        text2: str,
        index: int | None = None,
        class_name: str | None = None,
        embedding_type: int = 0,
        internal_batch_size: int | None = None,
        n_steps: int | None = None,
        flip_sign: bool = False,
    ) -> TokenScores:
        """Explain the pair: the class by `index`, else by `class_name`, else the predicted one.

        `flip_sign` explains what lowers the output of a model with a single output; other models ignore it.
        """
        target = self._choose_target(index, class_name)
        inputs, towards = {"text_a": text1, "text_b": text2}, "0" if flip_sign else "1"
        self._integrate(inputs, embedding_type, internal_batch_size, n_steps, target, towards=towards)
        return self.word_attributions

    @property
    def word_attributions(self) -> TokenScores:
        """The tokens of the last pair with their scores, L2-normalised."""
        return list_scores(self.explanation)

    def predict(self, text1: str, text2: str) -> Prediction:
        """Predict every label with its probability, most probable first."""
        return predict(self._request({"text_a": text1, "text_b": text2}, LAYER), bundle=self._bundle)

    def visualize(self, html_filepath: str | None = None, true_class: str | None = None) -> Page:
        """Return the last explanation as an HTML page; write it to `html_filepath` if given."""
        return write_page(to_html(self.explanation, true_label=true_class), html_filepath)
