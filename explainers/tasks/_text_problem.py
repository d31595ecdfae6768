"""Make a Problem from encoded texts: its features are their tokens, its scores come from a ScoreFunction.

Most tasks have one sequence; several sequences share the features that they have in common.
"""

import inspect
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any, Literal

import torch
from torch import Tensor

from ..errors import Incompatible
from ..models.loading import Bundle
from ..models.probes.embeddings import UNHOOKED, Embedding, SumEmbedding, watch_calls
from ..problem import Batching, EmbeddingLayer, IdBaseline, Internals, Problem
from ..progress import Run
from ..request import Pairs, ValidRequest
from ..results.explanation import Feature, InputLayout
from . import _internals
from ._scores import ScoreFunction
from .tokenization import (
    IDS,
    Encoded,
    ScoreParams,
    TextParams,
    describe_baseline,
    describe_cut_baseline,
    make_baseline,
    make_baseline_ids,
    run_model,
)

MakeScoreFunction = Callable[[Sequence[Any], ScoreParams], ScoreFunction]
"""Make the score function from the outputs of the model's own forward pass, one output a sequence."""
MAX_GRAPHS = 12  # sequences whose graphs are kept for the backward passes; that of each of more is freed at once
NO_TABLE = (("table", "Not the words alone are explained. Set Embedding to word."),)
SEVERAL_TEXTS = tuple(
    (name, "The model reads several texts here, or only a part of its text is explained.")
    for name in ("layer", "hidden", "attentions", "zeroing")
)
EMBEDDING_NEEDS = ("gradients", "layer", "table", "hidden")  # what a method cannot have of a model that is run on ids
OTHER_BASELINES: tuple[Literal["mask", "unk", "zeros"], ...] = ("mask", "unk", "zeros")
FORWARD_ARGUMENTS = {"word": IDS, "position": ("position_ids",), "all": IDS}


@dataclass(frozen=True, eq=False)
class PlacedSequence:
    """A sequence of N tokens, of which those at `positions` (n,) are the Problem's features `places` (n,).

    `own` (1, N, D) are its embeddings; `blank` (1, N, D) are those of its baseline, made from `blank_ids` if it has
    ids.
    """

    encoded: Encoded
    embedding: Embedding
    own: Tensor
    blank: Tensor
    blank_ids: Tensor | None
    positions: Tensor
    places: Tensor

    def insert_features(self, x: Tensor) -> Tensor:
        """Return embeddings (B, N, D) with the features x (B, F, D) in their places."""
        return self.own.repeat(len(x), 1, 1).index_copy(1, self.positions, x[:, self.places].to(self.own))


def make_text_problem(
    bundle: Bundle,
    request: ValidRequest,
    run: Run,
    encodings: Sequence[Encoded],
    make_function: MakeScoreFunction,
    *,
    fixed_fields: Collection[str] = (),
    texts: Pairs = (),
) -> Problem:
    """Run the model on each sequence and make a Problem. Tokens of `fixed_fields` are not features."""
    params = request.read(ScoreParams)
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
    request: ValidRequest,
    run: Run,
    encodings: Sequence[Encoded],
    passes: Sequence[tuple[Any, Embedding]],
    make_function: Callable[[Sequence[Any]], ScoreFunction],
    params: TextParams,
    *,
    fixed_fields: Collection[str] = (),
    texts: Pairs = (),
    scored: int | None = None,
) -> Problem:
    """Make a Problem from `passes`, the output and the embeddings of a forward pass of each sequence.

    Only the first `scored` sequences are run for a score; the others have features too.
    """
    outputs, embeddings = zip(*passes, strict=True)
    features, places = _collect_features(encodings, embeddings, fixed_fields)
    function = make_function(outputs[:scored])
    run.notices += dict.fromkeys(notice for encoded in encodings for notice in encoded.notices)
    run.notices += describe_cut_baseline(bundle, encodings[0], params)
    only_ids = not all(embedding.readers for embedding in embeddings)
    if only_ids and params.baseline in ("zeros", "mean"):
        raise Incompatible(
            f"{bundle.card.label} can only be run on tokens, so its baseline must be pad, mask, unk or text."
        )

    def place(params: TextParams) -> list[PlacedSequence]:
        return [
            _place_sequence(bundle, encoded, embedding, params, positions, where, only_ids)
            for encoded, embedding, (positions, where) in zip(encodings, embeddings, places, strict=True)
        ]

    sequences = place(params)
    run_sequences = sequences[:scored]

    logits = getattr(outputs[0], "logits", None)
    many = len(run_sequences) > MAX_GRAPHS and logits is not None and logits.dim() == 2  # of classes, not of tokens
    run_all = _run_apart if many else _run_together

    def score(x: Tensor) -> Tensor:
        return function.read(run_all(bundle, run_sequences, x))

    longest = max(len(encoded.features) for encoded in encodings)
    words = params.embedding == "word"
    single = sequences[0] if len(sequences) == 1 and not fixed_fields else None
    x = _gather_embeddings(sequences, len(features), lambda sequence: sequence.own)

    def set_baseline(problem: Problem, sequences: Sequence[PlacedSequence], params: TextParams) -> Problem:
        baseline = _gather_embeddings(sequences, len(features), lambda sequence: sequence.blank)
        layer = _make_layer(bundle, sequences[0], params, function, run) if single else None
        id_baseline = None
        if params.embedding != "all" and all(sequence.blank_ids is not None for sequence in sequences):
            id_baseline = _make_id_baseline(bundle, sequences, params, function, len(features), list_others, scored)
        return replace(
            problem, baseline=baseline, id_baseline=id_baseline, internals=replace(problem.internals, layer=layer)
        )

    def list_others(problem: Problem) -> Iterator[tuple[str, Problem]]:
        for kind in OTHER_BASELINES if words and params.baseline != "text" else ():
            other = replace(params, baseline=kind)
            yield describe_baseline(bundle, other), set_baseline(problem, place(other), other)

    problem = Problem(
        features=features,
        targets=function.targets,
        prediction=function.prediction,
        unit=function.unit,
        x=x,
        baseline=x,
        score=score,
        deployed=function.read(outputs[:scored])[0],
        visible=_mark_visible([sequences[i] for i in function.alone], len(features)) if function.alone else None,
        steps=function.steps,
        layout=InputLayout(texts),
        internals=Internals(
            table=embeddings[0].table if words and not only_ids else None,
            hidden=partial(_compute_hidden, bundle, single, function, x) if single else None,
            attentions=partial(_internals.read_weights, bundle, single.encoded) if single else None,
            zeroing=partial(_internals.compute_zeroing, bundle, single.encoded, spend=run.spend) if single else None,
            reasons=(
                *(NO_TABLE if not words else ()),
                *(SEVERAL_TEXTS if not single else ()),
                *((("layer", UNHOOKED),) if words and not embeddings[0].can_be_hooked else ()),
            ),
        ),
        batching=Batching(
            max(1, bundle.embeddings.batch(longest) // (1 if many else len(encodings))), bundle.embeddings.together
        ),
        seed=request.seed,
        run=run,
    )
    problem = set_baseline(problem, sequences, params)
    if only_ids and problem.id_baseline is not None:
        return replace(problem.id_baseline.on_ids(problem), id_baseline=None)
    return problem


def _collect_features(
    encodings: Sequence[Encoded], embeddings: Sequence[Embedding], fixed_fields: Collection[str]
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
    embedding: Embedding,
    params: TextParams,
    positions: Tensor,
    places: Tensor,
    only_ids: bool,
) -> PlacedSequence:
    ids = make_baseline_ids(bundle, encoded, params, embedding)
    if ids is not None and only_ids:
        own, blank = _show_ids(embedding.ids), _show_ids(ids)
    else:
        own, blank = embedding.of(embedding.ids), make_baseline(encoded, embedding, ids, params.baseline)
    return PlacedSequence(encoded, embedding, own, blank, ids, positions, places)


def _show_ids(ids: Tensor) -> Tensor:
    """Return ids (1, F) in the shape of embeddings, (1, F, 1); a float32 holds each below 2^24."""
    return ids[..., None].float()


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


def _run_on_ids(bundle: Bundle, sequence: PlacedSequence, kind: str, ids: Tensor, **more: Any) -> Any:
    """Run the model on ids (B, N), of tokens or of their positions, in place of those of the text."""
    encoded = sequence.encoded
    if kind == "word":
        parts = torch.split(ids, [part.shape[-1] for part in encoded.parts], dim=-1)
        more |= {name: part.contiguous() for name, part in zip(IDS, parts, strict=False)}
    else:
        more |= {"position_ids": ids}
    with encoded.context(bundle.model):
        return bundle.model(**encoded.batch(len(ids)) | more)


def _make_id_baseline(
    bundle: Bundle,
    sequences: Sequence[PlacedSequence],
    params: TextParams,
    function: ScoreFunction,
    count: int,
    list_others: Callable[[Problem], Iterator[tuple[str, Problem]]],
    scored: int | None,
) -> IdBaseline | None:
    """Return how the model's own forward pass reads the baseline; None if it takes no ids of this kind.

    Only the first `scored` sequences are run.
    """
    kind = params.embedding
    if not all(_accepts(bundle, name) for name in FORWARD_ARGUMENTS[kind][:1]):
        return None
    rows = [
        replace(sequence, own=_show_ids(sequence.embedding.ids), blank=_show_ids(sequence.blank_ids))
        for sequence in sequences
        if sequence.blank_ids is not None
    ]
    blank = _gather_embeddings(rows, count, lambda sequence: sequence.blank)  # (1, F, 1)

    def score(x: Tensor, positions: Sequence[dict[str, Tensor]] | None = None) -> Tensor:
        outputs = [
            _run_on_ids(bundle, sequence, kind, sequence.insert_features(x)[..., 0].round().long(), **more)
            for sequence, more in zip(rows[:scored], positions or [{}] * len(rows[:scored]), strict=True)
        ]
        return function.read(outputs)

    @torch.no_grad()
    def read() -> Tensor:
        return score(blank)[0]

    @torch.no_grad()
    def read_in_place() -> Tensor | None:
        positions = [_read_positions(bundle, sequence.encoded) for sequence in rows[:scored]]
        if kind != "word" or any(one is None for one in positions) or not _accepts(bundle, "position_ids"):
            return None
        return score(blank, [{"position_ids": one} for one in positions if one is not None])[0]

    def on_ids(problem: Problem) -> Problem:
        why = bundle.embeddings.only_ids or "It is run on the ids of its tokens here."
        reasons = (*problem.internals.reasons, *((need, why) for need in EMBEDDING_NEEDS))
        return replace(
            problem,
            x=_gather_embeddings(rows, count, lambda sequence: sequence.own),
            baseline=blank,
            score=score,
            id_baseline=None,
            internals=replace(problem.internals, layer=None, table=None, hidden=None, reasons=reasons),
        )

    return IdBaseline(_name_change(bundle, kind, rows), bundle.proven, read, read_in_place, on_ids, list_others)


def _name_change(bundle: Bundle, kind: str, rows: Sequence[PlacedSequence]) -> Hashable:
    """Name what a baseline changes: the ids that it puts in, and the special ones among those that it takes out."""
    own = [int(token) for row in rows for token in row.own.flatten().tolist()]
    blank = [int(token) for row in rows for token in row.blank.flatten().tolist()]
    special = set(getattr(bundle.tokenizer, "all_special_ids", ()))
    changes = {(old if old in special else None, new) for old, new in zip(own, blank, strict=True) if old != new}
    return kind, frozenset(changes)


def _accepts(bundle: Bundle, name: str) -> bool:
    """Return whether the model's forward takes an argument of this name; an adapter passes on what it does not know."""
    parameters = inspect.signature(bundle.model.forward).parameters.values()
    return any(one.name == name or one.kind is one.VAR_KEYWORD for one in parameters)


def _read_positions(bundle: Bundle, encoded: Encoded) -> Tensor | None:
    """Return the positions (1, N) that the model gives to the tokens of the text; None if they have no table."""
    if (module := bundle.embeddings.position) is None:
        return None
    with encoded.context(bundle.model):
        _, calls = watch_calls([module], lambda: bundle.model(**encoded.batch(1)))
    return calls[0].first(encoded.parts[0].shape[-1]).ids


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
    name, ids, blank = FORWARD_ARGUMENTS[params.embedding][0], sequence.embedding.ids, sequence.blank_ids
    parameters = inspect.signature(bundle.model.forward).parameters
    accepted = name in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    if not sequence.embedding.can_be_hooked or not accepted:
        return None

    def score(rows: Tensor) -> Tensor:
        run.spend(len(rows))
        embedding = sequence.embedding
        with embedding.place(rows) if isinstance(embedding, SumEmbedding) else nullcontext():
            return function.read([bundle.model(**sequence.encoded.batch(len(rows)) | {name: rows})])

    readers = sequence.embedding.readers
    places = [(reader.rows, reader.places) for reader in readers]
    return EmbeddingLayer([reader.module for reader in readers], places, ids, blank, score)
