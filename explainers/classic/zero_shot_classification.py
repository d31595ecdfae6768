"""`ZeroShotClassificationExplainer`: explain labels of a text that the caller chooses."""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

import numpy as np

from ..request import format_setting
from ..results.explanation import Explanation
from ..tasks._nli_hypotheses import format_labels, make_hypotheses
from ..tasks.tokenization import encode
from .attributions import LIGAttributions, TokenScores, make_attributions
from .base import STEPS, count_tokens
from .classifier import TextClassifier, get_probabilities
from .errors import InvalidCall


class ZeroShotClassificationExplainer(TextClassifier):
    """`explainer = ZeroShotClassificationExplainer(model, tokenizer); explainer(text, labels=["sport", "politics"])`.

    The probabilities are those of the transformers pipeline. `entailment` is the beginning of the entailment class's
    name, or its index.
    """

    task = "zero_shot_classification"

    def __init__(
        self, model: Any, tokenizer: Any, attribution_type: str = "lig", *, entailment: str | int = "entail"
    ) -> None:
        super().__init__(model, tokenizer, attribution_type)
        self._entailment = format_setting(entailment)
        self.label_exists, self.entailment_key = self._entailment_label_exists()
        if not self.label_exists:
            raise InvalidCall(
                f"The model has no class for entailment. Its classes: {', '.join(map(str, self.label2id))}. "
                "Give the index of the one that means yes as entailment=…"
            )
        self.entailment_idx = int(self.label2id[self.entailment_key])
        self.attributions: list[LIGAttributions] = []
        self.labels: list[str] = []
        self.hypothesis_labels: list[str] = []  # the hypothesis of each label
        self.include_hypothesis = False

    def _entailment_label_exists(self) -> tuple[bool, Any]:
        """Return whether the model has a class for entailment, and its name."""
        wanted = self._entailment.casefold()
        for name, index in self.label2id.items():
            if wanted and (str(name).casefold().startswith(wanted) or str(index) == wanted):
                return True, name
        return False, None

    def __call__(
        self,
        text: str,
        labels: Iterable[str],
        embedding_type: int = 0,
        hypothesis_template: str = "this text is about {} .",
        include_hypothesis: bool = False,
        internal_batch_size: int | None = None,
        n_steps: int | None = None,
        multi_label: bool = False,
    ) -> dict[str, TokenScores]:
        """Return for each label the tokens of `text` with their scores, with the hypothesis if `include_hypothesis`.

        The labels share the forward passes of integrated gradients: `n_steps`, or by default as many as it needs.
        """
        self._set_steps(n_steps, internal_batch_size)
        if isinstance(labels, str):  # as in the pipeline
            names = [label for part in labels.split(",") if (label := part.strip())]
        else:
            names = [str(label) for label in labels]
        if not names:
            raise InvalidCall("The list of labels is empty. Give at least one label.")
        return self._run(
            text, [str(label) for label in names], embedding_type, hypothesis_template, include_hypothesis, multi_label
        )

    def _run(
        self, text: str, names: list[str], embedding_type: int, template: str, include_hypothesis: bool, multi: bool
    ) -> dict[str, TokenScores]:
        self._integrate(
            {"text": text, "labels": format_labels(names), "template": template},
            1 if embedding_type == 1 else 0,
            method="integrated_gradients",
            **_make_pass_settings(self.n_steps),
            hypothesis="shown" if include_hypothesis else "hidden",
            multi_label=multi,
            entailment=self._entailment,
        )
        self.text, self.labels, self.include_hypothesis = text, names, include_hypothesis
        hypotheses = make_hypotheses(tuple(names), template)
        self.hypothesis_labels = list(hypotheses.values())
        self.hypothesis_text = self.hypothesis_labels[-1]
        field = list(hypotheses)[-1]
        pair = encode(self._bundle, {"text": text, field: self.hypothesis_text}, "only_first")
        self._store_inputs(pair, count_tokens(pair, "text"))
        self.attributions = self._list_attributions()
        return self.word_attributions

    def _list_attributions(self) -> list[LIGAttributions]:
        """List the attributions of each label, also of those that are given twice."""
        explanation = self.explanation
        rows = {target.index: row for row, target in enumerate(explanation.targets)}
        return [
            make_attributions(
                explanation, rows[i], _select_columns(explanation, rows[i], i + 1, self.include_hypothesis)
            )
            for i in range(len(self.labels))
        ]

    @property
    def word_attributions(self) -> dict[str, TokenScores]:
        """For each label the tokens of the last text with their scores, L2-normalised."""
        attributions = self._list_attributions()
        return {label: one.word_attributions for label, one in zip(self.labels, attributions, strict=True)}

    @property
    def predicted_label(self) -> str:
        """The most probable label."""
        return self.labels[self.explanation.prediction.targets[0].index or 0]

    @property
    def pred_probs(self) -> list[float]:  # type: ignore[override]
        """Probability of each label, in the order of `labels`."""
        probabilities = get_probabilities(self.explanation)
        return [probabilities[index] for index in range(len(self.labels))]

    @property
    def selected_index(self) -> int:
        """Index of the class for entailment, which is explained."""
        return self.entailment_idx

    @property
    def predicted_class_index(self) -> Any:
        """Index of the class that the model predicts for the text and the last label, an array without dimensions."""
        return np.array(int(self._compute_logits()[0].argmax()))


def _make_pass_settings(n_steps: int) -> dict[str, Any]:
    """Make the settings of integrated gradients with adaptive steps: at most `n_steps`, by default as it needs."""
    return {} if n_steps == STEPS else {"most_passes": min(max(n_steps, 20), 5_000), "tolerance": 0.0001}


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
