"""`PairwiseSequenceClassificationExplainer`: explain one class of a pair of texts."""

from ..results.explanation import Prediction
from ..tasks.tokenization import encode
from .attributions import TokenScores, make_attributions
from .base import LAYER, count_tokens
from .classifier import TextClassifier


class PairwiseSequenceClassificationExplainer(TextClassifier):
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
        self._set_steps(n_steps, internal_batch_size)
        return self._run(text1, text2, index, class_name, embedding_type, flip_sign)

    def _run(
        self,
        text1: str,
        text2: str,
        index: int | None = None,
        class_name: str | None = None,
        embedding_type: int | None = None,
        flip_sign: bool = False,
    ) -> TokenScores:
        target = self._choose_target(index, class_name)
        texts, towards = {"text_a": text1, "text_b": text2}, "0" if flip_sign else "1"
        self._integrate(texts, 1 if embedding_type == 1 else 0, target, towards=towards)
        self.text1, self.text2 = text1, text2
        encoded = encode(self._bundle, texts)
        self._store_inputs(encoded, count_tokens(encoded, "text_a") + 1)
        self.attributions = make_attributions(self.explanation)
        return self.word_attributions

    @property
    def word_attributions(self) -> TokenScores:
        """The tokens of the last pair with their scores, L2-normalised."""
        return make_attributions(self.explanation).word_attributions

    def predict(self, text1: str, text2: str) -> Prediction:
        """Predict every label with its probability, most probable first."""
        return self._predict(self._request({"text_a": text1, "text_b": text2}, LAYER))
