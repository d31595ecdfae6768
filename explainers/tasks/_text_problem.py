"""Make a Problem from encoded texts: its features are their tokens, its scores come from a ScoreFunction.

Most tasks have one sequence; several sequences share the features that they have in common.
"""

import inspect
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from ..models.loading import Bundle
from ..models.probes.embeddings import JointEmbedding, SumEmbedding
from ..problem import Batching, EmbeddingLayer, Internals, Problem
from ..progress import Run
from ..registry import read_params
from ..request import Pairs, Request
from ..results.explanation import Feature, InputLayout
from . import _internals
from ._scores import ScoreFunction
from .tokenization import AnyEmbedding, Encoded, ScoreParams, TextParams, make_baseline, make_baseline_ids, run_model

MakeScoreFunction = Callable[[Sequence[Any], ScoreParams], ScoreFunction]
"""Make the score function from the outputs of the model's own forward pass, one output a sequence."""
MAX_GRAPHS = 12  # sequences whose graphs are kept for the backward passes; that of each of more is freed at once
NO_TABLE = (("table", "Not words alone are explained. Set Embedding to word."),)
SEVERAL_TEXTS = tuple(
    (name, "The model reads several texts here, or only a part of its text is explained.")
    for name in ("layer", "hidden", "attentions", "zeroing")
)
FORWARD_ARGUMENTS = {"word": "input_ids", "position": "position_ids", "all": "input_ids"}


@dataclass(frozen=True, eq=False)
class PlacedSequence:
    """A sequence of N tokens, of which those at `positions` (n,) are the Problem's features `places` (n,).

    `own` (1, N, D) are its embeddings; `blank` (1, N, D) are those of its baseline, made from `blank_ids` if it has
    ids.
    """

    encoded: Encoded
    embedding: AnyEmbedding
    own: Tensor
    blank: Tensor
    blank_ids: Tensor | None
    positions: Tensor
    places: Tensor

    def insert_features(self, x: Tensor) -> Tensor:
        """Return embeddings (B, N, D) with the features x (B, F, D) in their places."""
        return self.own.repeat(len(x), 1, 1).index_copy(1, self.positions, x[:, self.places])


def make_text_problem(
    bundle: Bundle,
    request: Request,
    run: Run,
    encodings: Sequence[Encoded],
    make_function: MakeScoreFunction,
    *,
    fixed_fields: Collection[str] = (),
    texts: Pairs = (),
) -> Problem:
    """Run the model on each sequence and make a Problem. Tokens of `fixed_fields` are not features."""
    params = read_params(ScoreParams, request.options)
    passes = [run_model(bundle, encoded, params.embedding) for encoded in encodings]
    return assemble_problem(
        bundle,
        request,
        run,
        encodings,
        passes,
        lambda outputs: make_function(outputs, params),
        params,
        fixed_fields=fixed_fields,
        texts=texts,
    )


def assemble_problem(
    bundle: Bundle,
    request: Request,
    run: Run,
    encodings: Sequence[Encoded],
    passes: Sequence[tuple[Any, AnyEmbedding]],
    make_function: Callable[[Sequence[Any]], ScoreFunction],
    params: TextParams,
    *,
    fixed_fields: Collection[str] = (),
    texts: Pairs = (),
) -> Problem:
    """Make a Problem from `passes`, the output and the embeddings of a forward pass of each sequence."""
    outputs, embeddings = zip(*passes, strict=True)
    features, places = _collect_features(encodings, embeddings, fixed_fields)
    sequences = [
        _place_sequence(bundle, encoded, embedding, params, positions, where)
        for encoded, embedding, (positions, where) in zip(encodings, embeddings, places, strict=True)
    ]
    function = make_function(outputs)
    run.notices += dict.fromkeys(notice for encoded in encodings for notice in encoded.notices)

    together = len(sequences) if len(sequences) <= MAX_GRAPHS else 1
    run_all = _run_together if together == len(sequences) else _run_apart

    def score(x: Tensor) -> Tensor:
        return function.read(run_all(bundle, sequences, x))

    longest = max(len(encoded.features) for encoded in encodings)
    words = params.embedding == "word"
    single = sequences[0] if len(sequences) == 1 and not fixed_fields else None
    x = _gather_embeddings(sequences, len(features), lambda sequence: sequence.own)
    return Problem(
        features=features,
        targets=function.targets,
        prediction=function.prediction,
        unit=function.unit,
        x=x,
        baseline=_gather_embeddings(sequences, len(features), lambda sequence: sequence.blank),
        score=score,
        deployed=function.read(outputs)[0],
        visible=_mark_visible([sequences[i] for i in function.alone], len(features)) if function.alone else None,
        steps=function.steps,
        layout=InputLayout(texts),
        internals=Internals(
            layer=_make_layer(bundle, single, params, function, run) if single else None,
            table=embeddings[0].table if words else None,
            hidden=partial(_compute_hidden, bundle, single, function, x) if single else None,
            attentions=partial(_internals.read_weights, bundle, single.encoded) if single else None,
            zeroing=partial(_internals.compute_zeroing, bundle, single.encoded, spend=run.spend) if single else None,
            reasons=(*(NO_TABLE if not words else ()), *(SEVERAL_TEXTS if not single else ())),
        ),
        batching=Batching(max(1, bundle.embeddings.batch(longest) // together), bundle.embeddings.together),
        seed=request.seed,
        run=run,
    )


def _collect_features(
    encodings: Sequence[Encoded], embeddings: Sequence[AnyEmbedding], fixed_fields: Collection[str]
) -> tuple[tuple[Feature, ...], list[tuple[Tensor, Tensor]]]:
    """Return all features, and for each sequence the positions (n,) of its tokens and of these among all features.

    A token of several sequences is one feature if its ids are equal: a last [SEP] at another position is another one.
    """
    known: dict[tuple[Feature, int, int], int] = {}
    places = []
    for encoded, embedding in zip(encodings, embeddings, strict=True):
        ids = embedding.ids.flatten().tolist()
        counts: Counter[Feature] = Counter()
        pairs = []
        for position, feature in enumerate(encoded.features):
            counts[feature] += 1
            if feature.special or feature.field not in fixed_fields:
                key = (feature, counts[feature], ids[position])
                pairs.append((position, known.setdefault(key, len(known))))
        places.append((torch.tensor([pair[0] for pair in pairs]), torch.tensor([pair[1] for pair in pairs])))
    return tuple(feature for feature, *_ in known), places


def _place_sequence(
    bundle: Bundle,
    encoded: Encoded,
    embedding: AnyEmbedding,
    params: TextParams,
    positions: Tensor,
    places: Tensor,
) -> PlacedSequence:
    ids = make_baseline_ids(bundle, encoded, params, embedding)
    own, blank = embedding.of(embedding.ids), make_baseline(encoded, embedding, ids, params.baseline)
    return PlacedSequence(encoded, embedding, own, blank, ids, positions, places)


def _gather_embeddings(
    sequences: Sequence[PlacedSequence], count: int, select: Callable[[PlacedSequence], Tensor]
) -> Tensor:
    """Return the embeddings of all features, (1, F, D), from those that `select` takes from each sequence."""
    first = select(sequences[0])
    gathered = first.new_zeros(1, count, first.shape[-1])
    for sequence in sequences:
        gathered[:, sequence.places] = select(sequence)[:, sequence.positions]
    return gathered


def _mark_visible(sequences: Sequence[PlacedSequence], count: int) -> Tensor:
    """Return which features are in the sequence of each target, (T, F)."""
    visible = torch.zeros(len(sequences), count, dtype=torch.bool)
    for row, sequence in zip(visible, sequences, strict=True):
        row[sequence.places] = True
    return visible


def _run_with_features(bundle: Bundle, sequence: PlacedSequence, x: Tensor, **more: Any) -> Any:
    embeddings = sequence.insert_features(x)
    with sequence.encoded.context(bundle.model), sequence.embedding.replace_output(embeddings):
        return bundle.model(**sequence.encoded.batch(len(x)), **more)


def _run_together(bundle: Bundle, sequences: Sequence[PlacedSequence], x: Tensor) -> list[Any]:
    return [_run_with_features(bundle, sequence, x) for sequence in sequences]


def _run_apart(bundle: Bundle, sequences: Sequence[PlacedSequence], x: Tensor) -> list[Any]:
    """Run many sequences with the memory of one: their logits (B, C), which remember only their own gradients.

    However many targets are explained, each sequence has one backward pass per class.
    """
    return [
        SimpleNamespace(logits=_Logits.apply(x, bundle, sequence))  # type: ignore[no-untyped-call]
        for sequence in sequences
    ]


class _Logits(torch.autograd.Function):
    """The logits (B, C) of a sequence with the features x (B, F, D). Its gradient is computed with them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bundle: Bundle, sequence: PlacedSequence) -> Tensor:
        if not x.requires_grad:
            return _run_with_features(bundle, sequence, x).logits  # type: ignore[no-any-return]
        with torch.enable_grad():
            own = x.detach().requires_grad_()
            logits = _run_with_features(bundle, sequence, own).logits
            slopes = [
                torch.autograd.grad(one, own, retain_graph=True)[0][:, sequence.places] for one in logits.sum(0)
            ]  # C times (B, n, D)
        ctx.save_for_backward(torch.stack(slopes, dim=1))
        ctx.places, ctx.shape = sequence.places, x.shape
        return logits.detach()  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (slopes,) = ctx.saved_tensors
        own = torch.einsum("bc,bcnd->bnd", gradient, slopes)
        return own.new_zeros(ctx.shape).index_add_(1, ctx.places, own), None, None


def _compute_hidden(
    bundle: Bundle, sequence: PlacedSequence, function: ScoreFunction, x: Tensor, layer: int
) -> tuple[Tensor, Tensor]:
    x = x.detach().requires_grad_()
    run = partial(_run_with_features, bundle, sequence, x)
    return _internals.compute_hidden(bundle, sequence.encoded, run, lambda output: function.read([output])[0], layer)


def _make_layer(
    bundle: Bundle, sequence: PlacedSequence, params: TextParams, function: ScoreFunction, run: Run
) -> EmbeddingLayer | None:
    """Return the embedding module with the ids that it reads, for methods that hook it themselves."""
    embedding, ids, blank = sequence.embedding, sequence.embedding.ids, sequence.blank_ids
    name = FORWARD_ARGUMENTS[params.embedding]
    if isinstance(embedding, JointEmbedding) or name not in inspect.signature(bundle.model.forward).parameters:
        return None

    def score(rows: Tensor) -> Tensor:
        run.spend(len(rows))
        with embedding.place(rows) if isinstance(embedding, SumEmbedding) else nullcontext():
            return function.read([bundle.model(**sequence.encoded.batch(len(rows)) | {name: rows})])

    return EmbeddingLayer(embedding.module, ids.reshape(1, -1), None if blank is None else blank.reshape(1, -1), score)
