"""The base class of the classic explainers of classifiers: the explained and the predicted class."""

import warnings
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
        self._labels = check_labels(model, custom_labels) or list(self._bundle.card.labels)

    def _choose_target(self, index: int | None, class_name: str | None) -> Target:
        """Choose the class by `index`, else by `class_name`, else the predicted one; called by `__call__` only."""
        if index is None and class_name in self._labels:
            index = self._labels.index(str(class_name))
        elif index is None and class_name is not None:
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


def check_labels(model: Any, custom_labels: list[str] | None) -> list[str] | None:
    """Return the caller's names of the classes. Raises InvalidCall if their number differs from the model's."""
    if custom_labels is not None and len(custom_labels) != model.config.num_labels:
        raise InvalidCall(f"{len(custom_labels)} labels were given for a model with {model.config.num_labels} classes.")
    return custom_labels
