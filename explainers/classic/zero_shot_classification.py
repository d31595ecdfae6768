"""`ZeroShotClassificationExplainer`: explain labels of a text that the caller chooses."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import numpy as np

from ..export.html import to_html
from ..request import format_setting
from ..results.explanation import Explanation
from .base import (
    Explainer,
    InvalidCall,
    Page,
    TokenScores,
    check_attribution_type,
    get_probabilities,
    list_scores,
    write_page,
)


class ZeroShotClassificationExplainer(Explainer):
    """`explainer = ZeroShotClassificationExplainer(model, tokenizer); explainer(text, labels=["sport", "politics"])`.

    The probabilities are those of the transformers pipeline. `entailment` is the beginning of the entailment class's
    name, or its index.
    """

    task = "zero_shot_classification"

    def __init__(
        self, model: Any, tokenizer: Any, attribution_type: str = "lig", *, entailment: str | int = "entail"
    ) -> None:
        check_attribution_type(attribution_type)
        super().__init__(model, tokenizer)
        self._entailment = format_setting(entailment)
        self.labels: list[str] = []
        self.include_hypothesis = False

    def __call__(
        self,
        text: str,
        labels: Sequence[str] | str,
        embedding_type: int = 0,
        hypothesis_template: str = "this text is about {} .",
        include_hypothesis: bool = False,
        internal_batch_size: int | None = None,
        n_steps: int | None = None,
        multi_label: bool = False,
    ) -> dict[str, TokenScores]:
        """Return for each label the tokens of `text` with their scores, with the hypothesis if `include_hypothesis`.

        As in the pipeline, `labels` may also be one text with commas between them.
        The labels share the forward passes of integrated gradients: `n_steps`, or by default as many as it needs.
        """
        labels = labels.split(",") if isinstance(labels, str) else [str(label) for label in labels]
        if invalid := next((label for label in labels if "," in label), None):
            raise InvalidCall(f"The label {invalid!r} contains a comma. Write it without one.")
        self._integrate(
            {"text": text, "labels": ", ".join(labels), "template": hypothesis_template},
            embedding_type,
            internal_batch_size,
            n_steps,
            method="integrated_gradients",
            hypothesis="shown" if include_hypothesis else "hidden",
            multi_label=multi_label,
            entailment=self._entailment,
        )
        self.labels, self.include_hypothesis = [label.strip() for label in labels], include_hypothesis
        return self.word_attributions

    @property
    def word_attributions(self) -> dict[str, TokenScores]:
        """For each label the tokens of the last text with their scores, L2-normalised."""
        explanation = self.explanation
        rows = {target.index: row for row, target in enumerate(explanation.targets)}
        return {
            label: list_scores(
                explanation, rows[i], _select_columns(explanation, rows[i], i + 1, self.include_hypothesis)
            )
            for i, label in enumerate(self.labels)
        }

    @property
    def predicted_label(self) -> str:
        """The most probable label."""
        return str(self.explanation.prediction.targets[0].label)

    @property
    def pred_probs(self) -> list[float]:
        """Probability of each label, in the order of `labels`."""
        probabilities = get_probabilities(self.explanation)
        return [probabilities[index] for index in range(len(self.labels))]

    def visualize(self, html_filepath: str | None = None, true_class: str | None = None) -> Page:
        """Return an HTML page with one heatmap per label; write it to `html_filepath` if given."""
        return write_page(to_html(self.explanation, true_label=true_class), html_filepath)


def _select_columns(explanation: Explanation, row: int, number: int, whole: bool) -> list[int]:
    """Select the tokens of the pair of label `number` in order, only those of the text unless `whole`."""
    fields = [None if feature.special else feature.field for feature in explanation.features]
    text = [i for i, field in enumerate(fields) if field == "text" and not np.isnan(explanation.scores[row, i])]
    lead = [i for i in range(text[0]) if fields[i] is None]
    if not whole:
        return lead + text
    first, own = _find_field(fields, "hypothesis 1"), _find_field(fields, f"hypothesis {number}")
    between = [i for i in range(text[0], first[0]) if fields[i] is None]
    return lead + text + between + own + (_find_special_tokens(fields, own) or _find_special_tokens(fields, first))


def _find_field(fields: Sequence[str | None], name: str) -> list[int]:
    """Find the tokens of an input."""
    return [i for i, field in enumerate(fields) if field == name]


def _find_special_tokens(fields: Sequence[str | None], block: Sequence[int]) -> list[int]:
    """Find the special tokens directly after the tokens `block`."""
    return list(takewhile(lambda i: fields[i] is None, range(block[-1] + 1, len(fields))))
