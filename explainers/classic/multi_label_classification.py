"""`MultiLabelClassificationExplainer`: explain every label of a text."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..models.loading import Bundle
from ..results.explanation import Prediction
from ..tasks.tokenization import encode
from ..visualization.text.format import number_duplicates
from .attributions import TokenScores, list_scores, make_attributions
from .base import LAYER, count_tokens
from .classifier import TextClassifier, get_probabilities


class MultiLabelClassificationExplainer(TextClassifier):
    """`explainer = MultiLabelClassificationExplainer(model, tokenizer); explainer("Thank you, I was so worried")`.

    The call returns for each label, in the model's order, the tokens with their scores for it. Labels are judged
    independently, by the sigmoid of their outputs, also if the model was trained to choose one of them.
    """

    task = "multi_label_classification"

    def __init__(
        self, model: Any, tokenizer: Any, attribution_type: str = "lig", custom_labels: Sequence[str] | None = None
    ) -> None:
        super().__init__(model, tokenizer, attribution_type, custom_labels)
        self.labels: list[str] = []  # of the last call
        same = copy.copy(self.model)  # with all its modules, and a configuration that says what this class does
        same.config = copy.copy(self.model.config)
        same.config.problem_type = "multi_label_classification"
        self._bundle = Bundle.of(same, self.tokenizer)

    def __call__(
        self,
        text: str,
        embedding_type: int = 0,
        internal_batch_size: int | None = None,
        n_steps: int | None = None,
    ) -> dict[str, TokenScores]:
        """Explain every label of `text`: the position embeddings (`embedding_type` 1) or the words (any other)."""
        self._set_steps(n_steps, internal_batch_size)
        return self._run(text, embedding_type)

    def _run(self, text: str, embedding_type: int | None = None) -> dict[str, TokenScores]:
        names = [str(self._find_name(index)) for index in range(len(self._list_own_labels()))]
        self._integrate({"text": text}, 1 if embedding_type == 1 else 0, labels=len(names))
        self.text, self.labels = text, number_duplicates(names)
        encoded = encode(self._bundle, {"text": text})
        self._store_inputs(encoded, count_tokens(encoded, "text"))
        self.attributions = [make_attributions(self.explanation, row) for row in self._find_rows()]
        return self.word_attributions

    def _find_rows(self) -> list[int]:
        """Return the row of each label in the explanation."""
        rows = {target.index: row for row, target in enumerate(self.explanation.targets)}
        return [rows[index] for index in range(len(rows))]

    @property
    def word_attributions(self) -> dict[str, TokenScores]:
        """For each label the tokens of the last text with their scores, L2-normalised."""
        found = self.explanation
        return {label: list_scores(found, row) for label, row in zip(self.labels, self._find_rows(), strict=True)}

    @property
    def label_probs_dict(self) -> dict[str, Tensor]:
        """Probability of each label by its name, a tensor without dimensions."""
        return dict(zip(self.labels, self.pred_probs_list, strict=True))

    @property
    def pred_probs_list(self) -> list[Tensor]:
        """Probability of each label in the model's order, tensors without dimensions."""
        probabilities = get_probabilities(self.explanation)
        return [torch.tensor(probabilities[index]) for index in range(len(self.labels))]

    def predict(self, text: str) -> Prediction:
        """Predict every label with its probability, most probable first."""
        return self._predict(self._request({"text": text}, LAYER))
