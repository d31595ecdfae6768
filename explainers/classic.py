"""The two-line classes that users of transformers-interpret know, each a few lines over the engine.

Unlike the rest of Wherefore they remember their last call: that is their contract.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from .data import Explanation, Prediction
from .engine import explain, predict
from .errors import BadRequest, Incompatible
from .export import to_html
from .loading import Bundle
from .request import Request, Target

EMBEDDINGS = ("word", "position")


class Page(str):
    """HTML as text that a notebook shows as a page."""

    def _repr_html_(self) -> str:
        return self


class WrongCall(BadRequest, ValueError):
    """A ValueError too, which is what users of transformers-interpret catch."""


class SequenceClassificationExplainer:
    """`explainer = SequenceClassificationExplainer(model, tokenizer); explainer("I love you")`.

    The call returns each token with its layer integrated gradients score, the scores of a text having length 1 (L2).
    """

    task = "text_classification"

    def __init__(
        self, model: Any, tokenizer: Any, attribution_type: str = "lig", custom_labels: list[str] | None = None
    ) -> None:
        if attribution_type != "lig":
            raise WrongCall(f"There is no attribution type {attribution_type!r} for text. Give 'lig'.")
        self._bundle = Bundle.of(model, tokenizer)
        if custom_labels is not None and len(custom_labels) != model.config.num_labels:
            raise WrongCall(f"{len(custom_labels)} labels were given to a model of {model.config.num_labels} classes.")
        self._labels = custom_labels or list(self._bundle.card.labels)
        self._explanation: Explanation | None = None

    def __call__(
        self,
        text: str,
        index: int | None = None,
        class_name: str | None = None,
        embedding_type: int = 0,
        internal_batch_size: int | None = None,
        n_steps: int | None = None,
    ) -> list[tuple[str, float]]:
        """Explain `text`: the class by `index`, else by `class_name`, else the predicted one.

        `embedding_type` 0 explains what the words say, 1 where they stand.
        """
        explained = self._index(index, class_name)
        params = {"steps": n_steps or 50, "embedding": EMBEDDINGS[embedding_type == 1]}
        request = Request(
            task=self.task,
            model=self._bundle.card.key,
            method="layer_integrated_gradients",
            inputs={"text": text},
            target=Target(index=explained),
            params=params,
        )
        try:
            self._explanation = explain(request, bundle=self._bundle, batch=self._batch(internal_batch_size))
        except Incompatible as error:
            if embedding_type != 1:
                raise
            warnings.warn(f"{error} The words are explained instead.", stacklevel=2)
            return self(text, explained, None, 0, internal_batch_size, n_steps)
        return self.word_attributions

    def _batch(self, wanted: int | None) -> int | None:
        """How many inputs are evaluated at once: what is wanted, unless the model takes fewer."""
        if wanted is None:
            return None
        with self._bundle.lock:
            return max(1, min(wanted, self._bundle.anatomy.together))

    def _index(self, index: int | None, class_name: str | None) -> int | None:
        if index is not None or class_name is None:
            return index
        if class_name in self._labels:
            return self._labels.index(class_name)
        warnings.warn(f"The model has no class {class_name!r}: the predicted class is explained.", stacklevel=3)
        return None

    @property
    def explanation(self) -> Explanation:
        """The last call's Explanation, whole and not normalised."""
        if self._explanation is None:
            raise WrongCall("Nothing was explained yet: call the explainer on a text first.")
        return self._explanation

    @property
    def word_attributions(self) -> list[tuple[str, float]]:
        """Each token of the last text with its score, L2-normalised."""
        scores = self.explanation.scores[0]
        length = float(np.linalg.norm(scores)) or 1.0
        return [(token, float(score) / length) for token, score in zip(self.explanation.tokens, scores, strict=True)]

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
        """The probability of the explained class."""
        return float(self.explanation.targets[0].probability or 0.0)

    def predict(self, text: str) -> Prediction:
        """Every label with its probability, best first."""
        return predict(Request(self.task, self._bundle.card.key, {"text": text}), bundle=self._bundle)

    def visualize(self, html_filepath: str | None = None, true_class: str | None = None) -> Page:
        """The last explanation as a page, written to `html_filepath` if given; `.html` is added if it lacks it."""
        page = Page(to_html(self.explanation, true_label=true_class))
        if html_filepath is not None:
            path = Path(html_filepath)
            path.with_name(path.name if path.suffix == ".html" else path.name + ".html").write_text(page, "utf-8")
        return page

    def __str__(self) -> str:
        return f"{type(self).__name__}(model={self._bundle.card.label}, task={self.task})"
