"""`SequenceClassificationExplainer`: explain one class of a text."""

from ..results.explanation import Prediction
from ..tasks.tokenization import encode
from .attributions import TokenScores, make_attributions
from .base import LAYER, count_tokens
from .classifier import TextClassifier


class SequenceClassificationExplainer(TextClassifier):
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

        `embedding_type` 1 explains the position embeddings, any other value the word embeddings.
        """
        self._set_steps(n_steps, internal_batch_size)
        return self._run(text, index, class_name, embedding_type)

    def _run(
        self, text: str, index: int | None = None, class_name: str | None = None, embedding_type: int | None = None
    ) -> TokenScores:
        target = self._choose_target(index, class_name)
        self._integrate({"text": text}, 1 if embedding_type == 1 else 0, target)
        self.text = text
        encoded = encode(self._bundle, {"text": text})
        self._store_inputs(encoded, count_tokens(encoded, "text"))
        self.attributions = make_attributions(self.explanation)
        return self.word_attributions

    @property
    def word_attributions(self) -> TokenScores:
        """The tokens of the last text with their scores, L2-normalised."""
        return make_attributions(self.explanation).word_attributions

    def predict(self, text: str) -> Prediction:
        """Predict every label with its probability, most probable first."""
        return self._predict(self._request({"text": text}, LAYER))
