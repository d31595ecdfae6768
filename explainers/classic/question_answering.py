"""`QuestionAnsweringExplainer`: explain the start and the end of the answer to a question."""

from typing import Any

from ..engine import predict
from ..export.html import to_html
from ..request import Target
from ..results.explanation import Prediction
from .base import LAYER, Explainer, Page, TokenScores, check_attribution_type, list_scores, write_page


class QuestionAnsweringExplainer(Explainer):
    """`explainer = QuestionAnsweringExplainer(model, tokenizer); explainer("Who came?", "Clara came.")`.

    The call returns for the logits of the answer's start and end the tokens with their scores. The answer is the most
    probable valid one, as it is written in the text.
    """

    task = "question_answering"

    def __init__(self, model: Any, tokenizer: Any, attribution_type: str = "lig") -> None:
        check_attribution_type(attribution_type)
        super().__init__(model, tokenizer)

    def __call__(
        self,
        question: str,
        text: str,
        embedding_type: int = 2,
        internal_batch_size: int | None = None,
        n_steps: int | None = None,
    ) -> dict[str, TokenScores]:
        """Explain where in `text` the answer starts and ends.

        `embedding_type` 1 explains the position embeddings, any other value the word embeddings.
        """
        inputs = {"question": question, "context": text}
        self._integrate(inputs, embedding_type, internal_batch_size, n_steps, unit="logit")
        return self.word_attributions

    @property
    def word_attributions(self) -> dict[str, TokenScores]:
        """For "start" and "end" the tokens of the last call with their scores, L2-normalised."""
        return {part: list_scores(self.explanation, self._find_row(part)) for part in ("start", "end")}

    @property
    def start_pos(self) -> int:
        """Index of the answer's first token."""
        return int(self._get_target("start").position or 0)

    @property
    def end_pos(self) -> int:
        """Index of the answer's last token."""
        return int(self._get_target("end").position or 0)

    @property
    def predicted_answer(self) -> str:
        """The answer to the last question."""
        return self.explanation.prediction.text

    def predict(self, question: str, text: str) -> Prediction:
        """Predict the answers with their probabilities, most probable first."""
        return predict(self._request({"question": question, "context": text}, LAYER), bundle=self._bundle)

    def visualize(self, html_filepath: str | None = None) -> Page:
        """Return an HTML page with heatmaps for answer, start and end; write it to `html_filepath` if given."""
        return write_page(to_html(self.explanation), html_filepath)

    def _find_row(self, part: str) -> int:
        return [target.label for target in self.explanation.targets].index(part)

    def _get_target(self, part: str) -> Target:
        return self.explanation.targets[self._find_row(part)]
