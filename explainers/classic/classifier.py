"""What the two-line classes that explain one class of a classifier share: the class asked for, and the one predicted.

Knows no task.
"""

import warnings
from typing import Any

from ..request import Target
from .base import Explainer, InvalidCall, check_attribution_type


class Classifier(Explainer):
    """A Session with a classifier, whose classes may have names of the caller's."""

    def __init__(
        self, model: Any, tokenizer: Any, attribution_type: str = "lig", custom_labels: list[str] | None = None
    ) -> None:
        check_attribution_type(attribution_type)
        super().__init__(model, tokenizer)
        self._labels = apply_labels(model, custom_labels) or list(self._bundle.card.labels)

    def _target(self, index: int | None, class_name: str | None) -> Target:
        """The class by `index`, else by `class_name`, else the predicted one; to be called by `__call__` alone."""
        if index is None and class_name in self._labels:
            index = self._labels.index(str(class_name))
        elif index is None and class_name is not None:
            warnings.warn(f"The model has no class {class_name!r}: the predicted class is explained.", stacklevel=3)
        return Target(index=index)

    @property
    def predicted_class_index(self) -> int:
        """The class that the model chose for the last text."""
        return int(self.explanation.prediction.targets[0].index or 0)

    @property
    def predicted_class_name(self) -> str:
        """Its name."""
        return self._labels[self.predicted_class_index]

    @property
    def selected_index(self) -> int:
        """The class that was explained."""
        return int(self.explanation.targets[0].index or 0)

    @property
    def pred_probs(self) -> float:
        """The probability that the model gives the explained class."""
        said = {target.index: target.probability for target in self.explanation.prediction.targets}
        return float(said[self.selected_index] or 0.0)


def apply_labels(model: Any, custom_labels: list[str] | None) -> list[str] | None:
    """The caller's names of a model's classes, by index. Raises WrongCall unless they are as many."""
    if custom_labels is not None and len(custom_labels) != model.config.num_labels:
        raise InvalidCall(f"{len(custom_labels)} labels were given to a model of {model.config.num_labels} classes.")
    return custom_labels
