"""What the classic explainers of classifiers have in common: the classes' names, the explained and predicted class."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..export.html import to_html
from ..request import Target
from ..results.explanation import Explanation
from .base import CALLER, Runner, TextExplainer
from .errors import InvalidCall
from .page import Page, write_page


class Labelled(Runner):
    """A Runner of a model with classes. `id2label` and `label2id` are their names, which the caller may set."""

    model: Any
    id2label: Mapping[int, str]
    label2id: Mapping[str, int]

    def _list_own_labels(self) -> tuple[str, ...]:
        """List the model's names of its classes; a head may have more classes than its configuration."""
        with self._bundle.lock:
            return self._bundle.labels

    def _find_name(self, index: int) -> Any:
        """Return the name of a class, its index if it has none."""
        own = self.id2label is self.model.config.id2label
        return self._list_own_labels()[index] if own else self.id2label.get(index, index)


class Classifier(Labelled):
    """A Runner of a classifier."""

    custom_labels: list[str] | None

    def _name_classes(self, model: Any, custom_labels: Sequence[str] | None) -> None:
        """Set the names of the classes. Raises InvalidCall if there are not as many as the model's."""
        self.custom_labels, self.id2label, self.label2id = None, model.config.id2label, model.config.label2id
        if custom_labels is None:
            return
        count = len(self._list_own_labels())
        names = len(self.label2id) if len(self.id2label) == count else count  # fewer if two classes have one name
        if isinstance(custom_labels, str) or len(custom_labels) not in (count, names):
            raise InvalidCall(f"{len(custom_labels)} labels were given for a model with {count} classes.")
        self.custom_labels = [str(label) for label in custom_labels]
        self.id2label = dict(enumerate(self.custom_labels))
        self.label2id = {label: index for index, label in self.id2label.items()}

    def _choose_target(self, index: int | None, class_name: str | None) -> Target:
        """Choose the class by `index`, else by `class_name`, else the predicted one; called by `_run` only."""
        if index is None and class_name is not None:
            labels = dict(enumerate(self._list_own_labels())) if self.custom_labels is None else self.id2label
            indices = [index for index, label in labels.items() if str(label) == str(class_name)]
            if len(indices) > 1:
                raise InvalidCall(f"Several classes have the name {class_name!r}. Give an index of {indices}.")
            index = indices[0] if indices else self.label2id.get(class_name)
        if index is None and class_name is not None:
            warnings.warn(
                f"The model has no class {class_name!r}: the predicted class is explained.", stacklevel=CALLER
            )
        return Target(index=None if index is None else int(index))

    @property
    def predicted_class_index(self) -> Any:
        """Index of the class that the model predicts for the last input."""
        return self.explanation.prediction.targets[0].index or 0

    @property
    def predicted_class_name(self) -> Any:
        """Name of the class that the model predicts for the last input, its index if it has none."""
        return self._find_name(int(self.predicted_class_index))

    @property
    def selected_index(self) -> int:
        """Index of the explained class."""
        return int(self.explanation.targets[0].index or 0)

    @property
    def pred_probs(self) -> Tensor:
        """Probability of the explained class, as a tensor without dimensions."""
        return torch.tensor(get_probabilities(self.explanation)[self.selected_index])

    def _rename_classes(self, explanation: Explanation) -> Explanation:
        """Return an explanation with the caller's names of the classes."""
        if self.id2label is self.model.config.id2label:
            return explanation

        def rename(targets: Sequence[Target]) -> tuple[Target, ...]:
            return tuple(replace(target, label=self._rename(target)) for target in targets)

        prediction = replace(explanation.prediction, targets=rename(explanation.prediction.targets))
        return replace(explanation, targets=rename(explanation.targets), prediction=prediction)

    def _rename(self, target: Target) -> str:
        own = self._list_own_labels()[target.index or 0]  # "not …" stands before it if the sign is flipped
        return str(target.label).replace(own, str(self.id2label.get(target.index or 0, own)))


class TextClassifier(Classifier, TextExplainer):
    """A TextExplainer of a classifier, whose classes the caller may rename."""

    def __init__(
        self, model: Any, tokenizer: Any, attribution_type: str = "lig", custom_labels: Sequence[str] | None = None
    ) -> None:
        super().__init__(model, tokenizer, attribution_type)
        self._name_classes(self.model, custom_labels)

    @property
    def predicted_class_index(self) -> Any:
        """Index of the class that the model predicts for the last input, as an array without dimensions."""
        return np.array(self.explanation.prediction.targets[0].index or 0)

    def visualize(self, html_filepath: str | Path | None = None, true_class: Any = None) -> Page:
        """Return the last explanation as an HTML page, one heatmap per label; write it to `html_filepath` if given."""
        return write_page(to_html(self._rename_classes(self.explanation), true_label=true_class), html_filepath)


def get_probabilities(explanation: Explanation) -> dict[int, float]:
    """Return the probability of each predicted class by its index."""
    return {target.index or 0: target.probability or 0.0 for target in explanation.prediction.targets}
