"""From encoded texts to a Problem: its features are their tokens, its score what a Readout reads from the model.

Most tasks have one sequence; several sequences share the features that they have in common.
"""

import inspect
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..models.loading import Bundle
from ..models.probes.embeddings import Embedding, JointEmbedding
from ..problem import Batching, EmbeddingLayer, Internals, Problem
from ..progress import Run
from ..registry import read_params
from ..request import Pairs, Request
from ..results.explanation import Feature, InputLayout
from . import _internals
from ._scores import ScoreFunction
from .tokenization import Encoded, ScoreParams, TextParams, make_baseline, make_baseline_ids, run_model

MakeScoreFunction = Callable[[Sequence[Any], ScoreParams], ScoreFunction]
"""From the model's own outputs, one a sequence, to what is read out of them."""
POSITIONS_ONLY = (("table", "It is the positions that are explained: set Embedding to word."),)
SEVERAL_TEXTS = tuple(
    (name, "Here it reads several texts, or a part of its text is not explained.")
    for name in ("layer", "hidden", "attentions", "zeroing")
)
FORWARD_ARGUMENTS = {"word": "input_ids", "position": "position_ids"}


@dataclass(frozen=True, eq=False)
class PlacedSequence:
    """One sequence of N tokens: those at `positions` (n,) are the Problem's features `places` (n,).

    `own` (1, N, D) are its embeddings, `blank` (1, N, D) those of its baseline, made by `blank_ids` if ids make it.
    """

    encoded: Encoded
    embedding: Embedding | JointEmbedding
    own: Tensor
    blank: Tensor
    blank_ids: Tensor | None
    positions: Tensor
    places: Tensor

    def embedded(self, x: Tensor) -> Tensor:
        """Embeddings (B, N, D) with the features x (B, F, D) in their places."""
        return self.own.repeat(len(x), 1, 1).index_copy(1, self.positions, x[:, self.places])


def make_text_problem(
    bundle: Bundle,
    request: Request,
    run: Run,
    encodings: Sequence[Encoded],
    ask: MakeScoreFunction,
    *,
    held: Collection[str] = (),
    texts: Pairs = (),
) -> Problem:
    """The Problem of what `ask` reads out of the model; tokens of the fields `held` stay as they are."""
    reading = read_params(ScoreParams, request.options)
    passed = [run_model(bundle, encoded, reading.embedding) for encoded in encodings]
    return assemble_problem(
        bundle, request, run, encodings, passed, lambda outputs: ask(outputs, reading), reading, held=held, texts=texts
    )


def assemble_problem(
    bundle: Bundle,
    request: Request,
    run: Run,
    encodings: Sequence[Encoded],
    passed: Sequence[tuple[Any, Embedding | JointEmbedding]],
    ask: Callable[[Sequence[Any]], ScoreFunction],
    reading: TextParams,
    *,
    held: Collection[str] = (),
    texts: Pairs = (),
) -> Problem:
    """The same of outputs and embeddings that a forward pass of each sequence has already `passed`."""
    outputs, embeddings = zip(*passed, strict=True)
    features, places = _collect_features(encodings, embeddings, held)
    placed = [
        _place_sequence(bundle, encoded, embedding, reading, positions, where)
        for encoded, embedding, (positions, where) in zip(encodings, embeddings, places, strict=True)
    ]
    readout = ask(outputs)
    run.notices += dict.fromkeys(notice for encoded in encodings for notice in encoded.notices)

    def score(x: Tensor) -> Tensor:
        return readout.read([_run_with_features(bundle, sequence, x) for sequence in placed])

    longest = max(len(encoded.features) for encoded in encodings)
    words = reading.embedding == "word"
    alone = placed[0] if len(placed) == 1 and not held else None
    x = _gather_embeddings(placed, len(features), lambda sequence: sequence.own)
    return Problem(
        features=features,
        targets=readout.targets,
        prediction=readout.prediction,
        unit=readout.unit,
        x=x,
        baseline=_gather_embeddings(placed, len(features), lambda sequence: sequence.blank),
        score=score,
        deployed=readout.read(outputs)[0],
        visible=_mark_visible([placed[i] for i in readout.alone], len(features)) if readout.alone else None,
        steps=readout.steps,
        layout=InputLayout(texts),
        internals=Internals(
            layer=_make_layer(bundle, alone, reading, readout, run) if alone else None,
            table=embeddings[0].table if words else None,
            hidden=partial(_compute_hidden, bundle, alone, readout, x) if alone else None,
            attentions=partial(_internals.read_weights, bundle, alone.encoded) if alone else None,
            zeroing=partial(_internals.compute_zeroing, bundle, alone.encoded, spend=run.spend) if alone else None,
            reasons=(*(POSITIONS_ONLY if not words else ()), *(SEVERAL_TEXTS if not alone else ())),
        ),
        batching=Batching(max(1, bundle.embeddings.batch(longest) // len(encodings)), bundle.embeddings.together),
        seed=request.seed,
        run=run,
    )


def _collect_features(
    encodings: Sequence[Encoded], embeddings: Sequence[Embedding | JointEmbedding], held: Collection[str]
) -> tuple[tuple[Feature, ...], list[tuple[Tensor, Tensor]]]:
    """All features, and for each sequence the positions of its tokens among its own and among all.

    What several sequences share is one feature if they read it alike: a last [SEP] elsewhere is another position.
    """
    known: dict[tuple[Feature, int, int], int] = {}
    places = []
    for encoded, embedding in zip(encodings, embeddings, strict=True):
        ids = embedding.ids.flatten().tolist()
        seen: Counter[Feature] = Counter()
        pairs = []
        for position, feature in enumerate(encoded.features):
            seen[feature] += 1
            if feature.special or feature.field not in held:
                key = (feature, seen[feature], ids[position])
                pairs.append((position, known.setdefault(key, len(known))))
        places.append((torch.tensor([pair[0] for pair in pairs]), torch.tensor([pair[1] for pair in pairs])))
    return tuple(feature for feature, *_ in known), places


def _place_sequence(
    bundle: Bundle,
    encoded: Encoded,
    embedding: Embedding | JointEmbedding,
    reading: TextParams,
    positions: Tensor,
    places: Tensor,
) -> PlacedSequence:
    ids = make_baseline_ids(bundle, encoded, reading, embedding)
    own, blank = embedding.of(embedding.ids), make_baseline(encoded, embedding, ids, reading.baseline)
    return PlacedSequence(encoded, embedding, own, blank, ids, positions, places)


def _gather_embeddings(placed: Sequence[PlacedSequence], width: int, of: Callable[[PlacedSequence], Tensor]) -> Tensor:
    """The embeddings of all features, (1, F, D)."""
    first = of(placed[0])
    gathered = first.new_zeros(1, width, first.shape[-1])
    for sequence in placed:
        gathered[:, sequence.places] = of(sequence)[:, sequence.positions]
    return gathered


def _mark_visible(placed: Sequence[PlacedSequence], width: int) -> Tensor:
    """Which features are in the sequence of each target, (T, F)."""
    visible = torch.zeros(len(placed), width, dtype=torch.bool)
    for row, sequence in zip(visible, placed, strict=True):
        row[sequence.places] = True
    return visible


def _run_with_features(bundle: Bundle, sequence: PlacedSequence, x: Tensor, **more: Any) -> Any:
    with sequence.encoded.context(bundle.model), sequence.embedding.replace_output(sequence.embedded(x)):
        return bundle.model(**sequence.encoded.batch(len(x)), **more)


def _compute_hidden(
    bundle: Bundle, sequence: PlacedSequence, readout: ScoreFunction, x: Tensor, layer: int
) -> tuple[Tensor, Tensor]:
    x = x.detach().requires_grad_()
    run = partial(_run_with_features, bundle, sequence, x)
    return _internals.compute_hidden(bundle, sequence.encoded, run, lambda output: readout.read([output])[0], layer)


def _make_layer(
    bundle: Bundle, sequence: PlacedSequence, reading: TextParams, readout: ScoreFunction, run: Run
) -> EmbeddingLayer | None:
    """The embedding module with the ids that it reads, for methods that hook it themselves."""
    name, ids, blank = FORWARD_ARGUMENTS[reading.embedding], sequence.embedding.ids, sequence.blank_ids
    if isinstance(sequence.embedding, JointEmbedding) or name not in inspect.signature(bundle.model.forward).parameters:
        return None

    def score(rows: Tensor) -> Tensor:
        run.spend(len(rows))
        return readout.read([bundle.model(**sequence.encoded.batch(len(rows)) | {name: rows})])

    return EmbeddingLayer(
        sequence.embedding.module, ids.reshape(1, -1), None if blank is None else blank.reshape(1, -1), score
    )
