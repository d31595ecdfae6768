"""The base class of the classic explainers, and functions that convert an Explanation to their return values."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..engine import explain
from ..errors import BadRequest, Incompatible
from ..models.loading import Bundle
from ..request import Request, Target
from ..results.explanation import Explanation

LAYER = "layer_integrated_gradients"
STEPS = 50
TokenScores = list[tuple[str, float]]


class Page(str):
    """An HTML page as a string that notebooks render."""

    def _repr_html_(self) -> str:
        return self


class InvalidCall(BadRequest, ValueError):
    """A BadRequest that is also a ValueError, which users of transformers-interpret catch."""


class Explainer:
    """A loaded model and the Explanation of the last call. Subclasses override none of its methods."""

    task: ClassVar[str]

    def __init__(self, model: Any, reader: Any) -> None:
        self._bundle = Bundle.of(model, reader)
        self._explanation: Explanation | None = None

    @property
    def explanation(self) -> Explanation:
        """The Explanation of the last call, not normalised."""
        if self._explanation is None:
            raise InvalidCall("There is no explanation yet: call the explainer first.")
        return self._explanation

    def _request(
        self, inputs: Mapping[str, Any], method: str, target: Target | None = None, **params: object
    ) -> Request:
        return Request(self.task, self._bundle.card.key, inputs, method, target or Target(), params)

    def _explain(self, request: Request, internal_batch_size: int | None = None) -> Explanation:
        """Explain and store the Explanation; at most `internal_batch_size` inputs are evaluated at once."""
        batch = None if internal_batch_size is None else max(1, internal_batch_size)
        self._explanation = explain(request, bundle=self._bundle, batch=batch)
        return self._explanation

    def _integrate(
        self,
        inputs: Mapping[str, Any],
        embedding_type: int = 0,
        internal_batch_size: int | None = None,
        n_steps: int | None = None,
        target: Target | None = None,
        method: str = LAYER,
        **params: object,
    ) -> Explanation:
        """Compute integrated gradients of the word (0) or position (1) embeddings; to be called by `__call__` only.

        If the model has no position embeddings, explain the words and warn at the caller's line.
        """
        params |= {"steps": n_steps or STEPS} if method == LAYER else make_pass_settings(n_steps)
        words = self._request(inputs, method, target, **params)
        if embedding_type != 1:
            return self._explain(words, internal_batch_size)
        positions = self._request(inputs, method, target, **params, embedding="position")
        try:
            return self._explain(positions, internal_batch_size)
        except Incompatible as error:
            warnings.warn(f"{error} The words are explained instead.", stacklevel=3)
            return self._explain(words, internal_batch_size)

    def __str__(self) -> str:
        return f"{type(self).__name__}(model={self._bundle.card.label}, task={self.task})"


def check_attribution_type(attribution_type: str) -> None:
    """Raise InvalidCall unless the attribution type is layer integrated gradients."""
    if attribution_type != "lig":
        raise InvalidCall(f"There is no attribution type {attribution_type!r} for text. Give 'lig'.")


def make_pass_settings(n_steps: int | None) -> dict[str, object]:
    """Make the settings of integrated gradients with adaptive steps: at most `n_steps`, or as many as it needs."""
    return {} if n_steps is None else {"most_passes": min(max(n_steps, 20), 5_000), "tolerance": 0.0001}


def list_scores(explanation: Explanation, row: int = 0, columns: Sequence[int] | None = None) -> TokenScores:
    """List the tokens, or those of `columns`, with their scores for target `row`, L2-normalised."""
    chosen = range(len(explanation.features)) if columns is None else columns
    scores = np.nan_to_num(explanation.scores[row, list(chosen)])
    length = float(np.linalg.norm(scores)) or 1.0
    return [(explanation.tokens[i], float(score) / length) for i, score in zip(chosen, scores, strict=True)]


def get_probabilities(explanation: Explanation) -> dict[int, float]:
    """Return the probability of each predicted class by its index."""
    return {target.index or 0: target.probability or 0.0 for target in explanation.prediction.targets}


def write_page(html: str, html_filepath: str | None) -> Page:
    """Return the page; write it to `html_filepath` if given, with `.html` added if missing."""
    if html_filepath is not None:
        path = Path(html_filepath)
        name = path.name if path.suffix == ".html" else path.name + ".html"
        path.with_name(name).write_text(html, "utf-8")
    return Page(html)
