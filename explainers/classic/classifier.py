"""The base class of the classic explainers of classifiers: the explained and the predicted class."""

import warnings
from collections.abc import Sequence
from typing import Any

from ..request import Target
from .base import Explainer, InvalidCall, check_attribution_type, get_probabilities


class Classifier(Explainer):
    """An Explainer of a classifier, whose classes the caller may rename."""

    def __init__(
        self, model: Any, tokenizer: Any, attribution_type: str = "lig", custom_labels: list[str] | None = None
    ) -> None:
        check_attribution_type(attribution_type)
        super().__init__(model, tokenizer)
        self._custom_labels = None if custom_labels is None else self._check_labels(custom_labels)

    @property
    def _labels(self) -> list[str]:
        """The caller's names of the classes, or else the model's; a head may have more classes than its config."""
        if self._custom_labels is not None:
            return self._custom_labels
        with self._bundle.lock:
            return list(self._bundle.labels)

    def _check_labels(self, custom_labels: Sequence[str]) -> list[str]:
        """Return the caller's names. Raises InvalidCall if their number differs from that of the model's classes."""
        with self._bundle.lock:
            count = len(self._bundle.labels)
        if isinstance(custom_labels, str) or len(custom_labels) != count:
            raise InvalidCall(f"{len(custom_labels)} labels were given for a model with {count} classes.")
        return [str(label) for label in custom_labels]

    def _choose_target(self, index: int | None, class_name: str | None) -> Target:
        """Choose the class by `index`, else by `class_name`, else the predicted one; called by `__call__` only."""
        if index is None and class_name is not None:
            indices = [i for i, label in enumerate(self._labels) if label == str(class_name)]
            if len(indices) > 1:
                raise InvalidCall(f"Several classes have the name {class_name!r}. Give an index of {indices}.")
            if indices:
                return Target(index=indices[0])
            warnings.warn(f"The model has no class {class_name!r}: the predicted class is explained.", stacklevel=3)
        return Target(index=index)

    @property
    def predicted_class_index(self) -> int:
        """Index of the class that the model predicts for the last input."""
        return int(self.explanation.prediction.targets[0].index or 0)

    @property
    def predicted_class_name(self) -> str:
        """Name of the class that the model predicts for the last input."""
        return self._labels[self.predicted_class_index]

    @property
    def selected_index(self) -> int:
        """Index of the explained class."""
        return int(self.explanation.targets[0].index or 0)

    @property
    def pred_probs(self) -> float:
        """Probability of the explained class."""
        return get_probabilities(self.explanation)[self.selected_index]
