"""The base classes of the classic explainers: what they state of a model, and how they ask the engine.

As in transformers-interpret, an explainer has a state: its settings, and the result of its last call.
"""

import inspect
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..engine import borrow, explain, predict
from ..errors import Incompatible
from ..models.devices import find_device
from ..models.loading import Bundle
from ..progress import quiet
from ..request import Request, Target
from ..results.explanation import Explanation, Prediction
from ..settings import lift_limits
from ..tasks.tokenization import Encoded
from .errors import AttributionTypeNotSupportedError, InputIdsNotCalculatedError

LAYER = "layer_integrated_gradients"
STEPS = 50
EMBEDDINGS = {1: "position", 2: "all"}  # by embedding type; every other number means words
CALLER = 4  # the stack level of a user's line, seen from `_integrate`, which `_run` calls, which `__call__` calls


class Runner:
    """A loaded model, which the engine runs without the limits of a server, and the Explanation of the last call."""

    task: ClassVar[str]
    _bundle: Bundle
    _explanation: Explanation | None = None

    @property
    def explanation(self) -> Explanation:
        """The Explanation of the last call, not normalised."""
        if self._explanation is None:
            raise InputIdsNotCalculatedError("There is no explanation yet: call the explainer first.")
        return self._explanation

    def _request(
        self, inputs: Mapping[str, Any], method: str, target: Target | None = None, **params: object
    ) -> Request:
        return Request(self.task, self._bundle.card.key, inputs, method, target or Target(), params)

    def _explain(self, request: Request, internal_batch_size: int | None = None) -> Explanation:
        """Explain and store the Explanation; at most `internal_batch_size` inputs are evaluated at once."""
        batch = None if internal_batch_size is None else max(1, internal_batch_size)
        with lift_limits():
            explanation = explain(request, bundle=self._bundle, batch=batch)
        self._explanation = explanation
        return explanation

    def _predict(self, request: Request) -> Prediction:
        with lift_limits():
            return predict(request, bundle=self._bundle)


class BaseExplainer(ABC):
    """A model with its tokenizer, the embeddings that it has, and the inputs that it accepts."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model, tokenizer
        ends = (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id)
        self.ref_token_id = next((end for end in ends if end is not None), None)
        self.sep_token_id = tokenizer.eos_token_id if tokenizer.sep_token_id is None else tokenizer.sep_token_id
        self.cls_token_id = tokenizer.bos_token_id if tokenizer.cls_token_id is None else tokenizer.cls_token_id
        self.model_prefix = getattr(model, "base_model_prefix", "")
        accepted = inspect.signature(model.forward).parameters
        self.accepts_position_ids = "position_ids" in accepted
        self.accepts_token_type_ids = "token_type_ids" in accepted
        self.device = find_device(model)
        self.word_embeddings = model.get_input_embeddings() if hasattr(model, "get_input_embeddings") else None
        self.model_embeddings = getattr(getattr(model, self.model_prefix, None), "embeddings", None)
        self.position_embeddings = getattr(self.model_embeddings, "position_embeddings", None)
        self.token_type_embeddings = getattr(self.model_embeddings, "token_type_embeddings", None)
        if self.position_embeddings is None:
            self.position_embeddings = getattr(getattr(model, self.model_prefix, None), "wpe", None)  # of GPT-2

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, without special tokens."""

    @abstractmethod
    def decode(self, input_ids: Tensor) -> list[str]:
        """Return the tokens of ids (1, F)."""

    @property
    @abstractmethod
    def word_attributions(self) -> Any:
        """The result of the last call."""

    def _make_input_reference_pair(self, *texts: str) -> tuple[Tensor, Tensor, int]:
        """Return the ids (1, F) of one or two texts, those of their baseline, and the first text's number of tokens."""
        rows = self.tokenizer(*texts, return_special_tokens_mask=True)
        ids, special = torch.tensor([rows["input_ids"]]), torch.tensor([rows["special_tokens_mask"]]).bool()
        reference = ids.where(special, torch.full_like(ids, self.ref_token_id or 0))
        count = len(self.tokenizer(texts[0], add_special_tokens=False)["input_ids"])
        return ids.to(self.device), reference.to(self.device), count

    def _make_input_reference_token_type_pair(self, input_ids: Tensor, sep_idx: int = 0) -> tuple[Tensor, Tensor]:
        """Return token types (1, F), 1 after `sep_idx`, and those of the baseline, all 0."""
        types = (torch.arange(input_ids.shape[1], device=input_ids.device) > sep_idx).long().expand_as(input_ids)
        return types, torch.zeros_like(types)

    def _make_input_reference_position_id_pair(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return the positions (1, F), and those of the baseline, all 0."""
        positions = torch.arange(input_ids.shape[1], device=input_ids.device).expand_as(input_ids)
        return positions, torch.zeros_like(positions)

    def _make_attention_mask(self, input_ids: Tensor) -> Tensor:
        """Return a mask (1, F) that hides no token."""
        return torch.ones_like(input_ids)

    def __str__(self) -> str:
        model, tokenizer = type(self.model).__name__, type(self.tokenizer).__name__
        return f"{type(self).__name__}(\n\tmodel={model},\n\ttokenizer={tokenizer})"


class TextExplainer(Runner, BaseExplainer):
    """An explainer of texts by layer integrated gradients.

    `n_steps` and `internal_batch_size` are used by every call that does not give others, and remembered from one that
    does. `input_ids` (1, F) and what goes with them belong to the last call; they are empty before.
    """

    def __init__(self, model: Any, tokenizer: Any, attribution_type: str = "lig") -> None:
        if attribution_type != "lig":
            raise AttributionTypeNotSupportedError(
                f"There is no attribution type {attribution_type!r} for text. Give 'lig'."
            )
        self._bundle = Bundle.of(model, tokenizer)  # of what is inside a wrapper or a pipeline
        super().__init__(self._bundle.model, self._bundle.tokenizer)
        self.attribution_type = attribution_type
        self.internal_batch_size: int | None = None
        self.n_steps = STEPS
        self.attributions: Any = None
        self.input_ids = torch.Tensor()
        self._encoded: Encoded | None = None  # the inputs of the last call

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, without special tokens."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def decode(self, input_ids: Tensor) -> list[str]:
        """Return the tokens of ids (1, F)."""
        return list(self.tokenizer.convert_ids_to_tokens([int(one) for one in input_ids[0]]))

    def __str__(self) -> str:
        return f"{super().__str__()[:-1]},\n\tattribution_type={self.attribution_type!r},)"

    def _set_steps(self, n_steps: int | None, internal_batch_size: int | None) -> None:
        self.n_steps = n_steps or self.n_steps
        self.internal_batch_size = internal_batch_size or self.internal_batch_size

    def _integrate(
        self,
        inputs: Mapping[str, Any],
        embedding_type: int | None = 0,
        target: Target | None = None,
        method: str = LAYER,
        **params: object,
    ) -> Explanation:
        """Compute integrated gradients of the embeddings of a type; to be called by `_run` only.

        If the model has no such embeddings, explain the words and warn at the caller's line.
        """
        params = {"steps": self.n_steps} | params if method == LAYER else params
        words = self._request(inputs, method, target, **params)
        kind = EMBEDDINGS.get(embedding_type or 0)
        if kind is None:
            return self._explain(words, self.internal_batch_size)
        try:
            if kind == "position" and not self.accepts_position_ids:
                raise Incompatible(f"{self._bundle.card.label} takes no positions.")
            other = self._request(inputs, method, target, **params, embedding=kind)
            return self._explain(other, self.internal_batch_size)
        except Incompatible as error:
            warnings.warn(f"{error} The words are explained instead.", stacklevel=CALLER)
            return self._explain(words, self.internal_batch_size)

    def _compute_logits(self) -> Tensor:
        """Compute the model's logits for the input of the last call, (1, …)."""
        request = self._request({}, LAYER)
        if self._encoded is None:
            raise InputIdsNotCalculatedError("There is no explanation yet: call the explainer first.")
        with borrow(request, self._bundle, quiet) as bundle, torch.no_grad():
            return bundle.model(**self._encoded.inputs).logits  # type: ignore[no-any-return]

    def _store_inputs(self, encoded: Encoded, sep_idx: int) -> None:
        """Store the inputs (1, F) of the model, and those of the baseline."""
        ids, self._encoded = encoded.inputs["input_ids"], encoded
        self.input_ids, self.sep_idx = ids, sep_idx
        self.ref_input_ids = ids.where(encoded.special, torch.full_like(ids, self.ref_token_id or 0))
        self.position_ids, self.ref_position_ids = self._make_input_reference_position_id_pair(ids)
        self.token_type_ids = encoded.inputs.get("token_type_ids", torch.zeros_like(ids))
        self.ref_token_type_ids = torch.zeros_like(ids)
        self.attention_mask = encoded.inputs.get("attention_mask", torch.ones_like(ids))


def count_tokens(encoded: Encoded, field: str) -> int:
    """Return the number of a field's tokens, without special ones."""
    return sum(feature.field == field and not feature.special for feature in encoded.features)
