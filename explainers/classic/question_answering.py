"""`QuestionAnsweringExplainer`: explain the start and the end of the answer to a question."""

from pathlib import Path
from typing import Any

from ..export.html import to_html
from ..request import Target
from ..results.explanation import Prediction
from ..tasks._answer_windows import list_windows
from .attributions import LIGAttributions, TokenScores, list_scores, make_attributions
from .base import LAYER, TextExplainer, count_tokens
from .page import Page, write_page


class QuestionAnsweringExplainer(TextExplainer):
    """`explainer = QuestionAnsweringExplainer(model, tokenizer); explainer("Who came?", "Clara came.")`.

    The call returns for the logits of the answer's start and end the tokens with their scores. The answer is the most
    probable valid one.
    """

    task = "question_answering"

    def __init__(self, model: Any, tokenizer: Any, attribution_type: str = "lig") -> None:
        super().__init__(model, tokenizer, attribution_type)
        self.position = 0  # 0 the start, 1 the end
        self.start_attributions: LIGAttributions | None = None
        self.end_attributions: LIGAttributions | None = None

    def __call__(
        self,
        question: str,
        text: str,
        embedding_type: int = 2,
        internal_batch_size: int | None = None,
        n_steps: int | None = None,
    ) -> dict[str, TokenScores]:
        """Explain where in `text` the answer starts and ends.

        `embedding_type` 1 explains the position embeddings, 2 the sum of all embeddings (word, position and type; the
        baseline has the first token's position and type everywhere), any other value the word embeddings.
        """
        self._set_steps(n_steps, internal_batch_size)
        return self._run(question, text, embedding_type)

    def _run(self, question: str, text: str, embedding_type: int = 2) -> dict[str, TokenScores]:
        inputs = {"question": question, "context": text}
        self._integrate(inputs, embedding_type, unit="logit")
        self.question, self.text = question, text
        windows = list_windows(self._bundle, inputs)
        encoded = next(window for window in windows if window.features == tuple(self.explanation.features))
        self._store_inputs(encoded, count_tokens(encoded, "question"))
        self.start_attributions, self.end_attributions = (
            make_attributions(self.explanation, self._find_row(part)) for part in ("start", "end")
        )
        self.attributions = [self.start_attributions, self.end_attributions]
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
        """The answer as the tokenizer spells it, in lower case if it is uncased; `explanation` has the text's own."""
        span = slice(self.start_pos, self.end_pos + 1)
        return str(self.tokenizer.decode(self.input_ids[0, span])).strip()

    def predict(self, question: str, text: str) -> Prediction:
        """Predict the answers with their probabilities, most probable first."""
        return self._predict(self._request({"question": question, "context": text}, LAYER))

    def visualize(self, html_filepath: str | Path | None = None) -> Page:
        """Return an HTML page with heatmaps for answer, start and end; write it to `html_filepath` if given."""
        return write_page(to_html(self.explanation), html_filepath)

    def _find_row(self, part: str) -> int:
        return [target.label for target in self.explanation.targets].index(part)

    def _get_target(self, part: str) -> Target:
        return self.explanation.targets[self._find_row(part)]
