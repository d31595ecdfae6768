"""`QuestionAnsweringExplainer`: a question and a text, where the answer starts and where it ends explained.

Knows no page.
"""

from typing import Any

from ..engine import predict
from ..export.html import to_html
from ..request import Target
from ..results.explanation import Prediction
from .base import LAYER, Explainer, Page, TokenScores, check_attribution_type, list_scores, write_page


class QuestionAnsweringExplainer(Explainer):
    """`explainer = QuestionAnsweringExplainer(model, tokenizer); explainer("Who came?", "Clara came.")`.

    The call returns each token's score for the logit of the answer's start, and for that of its end. The answer is
    the best valid one, in the text's own characters.
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

        `embedding_type` 1 explains where the words stand, any other what they say.
        """
        inputs = {"question": question, "context": text}
        self._integrate(inputs, embedding_type, internal_batch_size, n_steps, unit="logit")
        return self.word_attributions

    @property
    def word_attributions(self) -> dict[str, TokenScores]:
        """For "start" and "end" each token of the last call with its score, L2-normalised."""
        return {part: list_scores(self.explanation, self._row(part)) for part in ("start", "end")}

    @property
    def start_pos(self) -> int:
        """The token that the answer starts with."""
        return int(self._target("start").position or 0)

    @property
    def end_pos(self) -> int:
        """The token that the answer ends with."""
        return int(self._target("end").position or 0)

    @property
    def predicted_answer(self) -> str:
        """The answer to the last question."""
        return self.explanation.prediction.text

    def predict(self, question: str, text: str) -> Prediction:
        """The answers with their probabilities, best first."""
        return predict(self._request({"question": question, "context": text}, LAYER), bundle=self._bundle)

    def visualize(self, html_filepath: str | None = None) -> Page:
        """The last explanation as a page, a map each for answer, start and end, written to `html_filepath` if given."""
        return write_page(to_html(self.explanation), html_filepath)

    def _row(self, part: str) -> int:
        return [target.label for target in self.explanation.targets].index(part)

    def _target(self, part: str) -> Target:
        return self.explanation.targets[self._row(part)]
