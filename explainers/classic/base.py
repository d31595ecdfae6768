"""What all two-line classes share: a loaded model, the last Explanation of it, and the forms that they give it.

Knows no task.
"""

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
    """HTML as text that a notebook shows as a page."""

    def _repr_html_(self) -> str:
        return self


class InvalidCall(BadRequest, ValueError):
    """A ValueError too, which is what users of transformers-interpret catch."""


class Explainer:
    """A loaded model, and the last Explanation of it. Subclasses override nothing that is written here."""

    task: ClassVar[str]

    def __init__(self, model: Any, reader: Any) -> None:
        self._bundle = Bundle.of(model, reader)
        self._explanation: Explanation | None = None

    @property
    def explanation(self) -> Explanation:
        """The last call's Explanation, whole and not normalised."""
        if self._explanation is None:
            raise InvalidCall("Nothing was explained yet: call the explainer first.")
        return self._explanation

    def _request(
        self, inputs: Mapping[str, Any], method: str, target: Target | None = None, **params: object
    ) -> Request:
        return Request(self.task, self._bundle.card.key, inputs, method, target or Target(), params)

    def _explain(self, request: Request, internal_batch_size: int | None = None) -> Explanation:
        """Explain and remember it; at most `internal_batch_size` inputs are evaluated at once."""
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
        """Integrated gradients of words (0) or positions (1); to be called by `__call__` alone.

        Words are explained, with a warning in the caller's line, where the model has no positions.
        """
        params |= {"steps": n_steps or STEPS} if method == LAYER else choose_passes(n_steps)
        words = self._request(inputs, method, target, **params)
        if embedding_type != 1:
            return self._explain(words, internal_batch_size)
        places = self._request(inputs, method, target, **params, embedding="position")
        try:
            return self._explain(places, internal_batch_size)
        except Incompatible as error:
            warnings.warn(f"{error} The words are explained instead.", stacklevel=3)
            return self._explain(words, internal_batch_size)

    def __str__(self) -> str:
        return f"{type(self).__name__}(model={self._bundle.card.label}, task={self.task})"


def check_attribution_type(attribution_type: str) -> None:
    """Raises WrongCall for any type of attribution but layer integrated gradients."""
    if attribution_type != "lig":
        raise InvalidCall(f"There is no attribution type {attribution_type!r} for text. Give 'lig'.")


def choose_passes(n_steps: int | None) -> dict[str, object]:
    """The settings of integrated gradients that choose their own steps: `n_steps` of them, or as many as need be."""
    return {} if n_steps is None else {"most_passes": min(max(n_steps, 20), 5_000), "tolerance": 0.0001}


def list_scores(explanation: Explanation, row: int = 0, columns: Sequence[int] | None = None) -> TokenScores:
    """Each token with its score for target `row`, L2-normalised; of some columns if so asked."""
    chosen = range(len(explanation.features)) if columns is None else columns
    scores = np.nan_to_num(explanation.scores[row, list(chosen)])
    length = float(np.linalg.norm(scores)) or 1.0
    return [(explanation.tokens[i], float(score) / length) for i, score in zip(chosen, scores, strict=True)]


def write_page(html: str, html_filepath: str | None) -> Page:
    """The page, written to `html_filepath` if given; `.html` is added if it lacks it."""
    if html_filepath is not None:
        path = Path(html_filepath)
        name = path.name if path.suffix == ".html" else path.name + ".html"
        path.with_name(name).write_text(html, "utf-8")
    return Page(html)
