"""The Problem of written text: each written token is a target, and one pass over the whole text serves all."""

import inspect
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from ...errors import BadRequest, Incompatible, LimitReached
from ...models.loading import Bundle
from ...problem import Batching, Problem
from ...progress import Run
from ...registry import read_params
from ...request import Request, Target
from ...results.explanation import Prediction, Steps
from .._scores import ScoreFunction
from .._text_problem import assemble_problem
from ..tokenization import Encoded, run_model
from .alignment import AUTO, align, compute_similarity, parse_alignment
from .decoding import GenerationParams, continue_text, replace_continuation
from .dropout import enable_dropout
from .prompts import Prompt, encode_empty
from .sequences import TokenSequence, collect_texts, join
from .step_scores import STEPS, StepInputs, StepScore, compute_step_score, find_available

ALTERNATIVES = 5  # of each token
GRAPH_BYTES = 2.5e9  # of memory for one pass with gradients, above the model itself


def make_prediction(bundle: Bundle, request: Request, opening: Prompt) -> Prediction:
    """What the model writes, or how probable it finds what it is made to write."""
    draft = join(
        bundle,
        opening,
        continue_text(bundle, request, read_params(GenerationParams, request.options), opening, lambda _: None),
    )
    return _said(bundle, draft, _logits(bundle, draft, draft.columns))


def make_problem(bundle: Bundle, request: Request, run: Run, opening: Prompt, bare: Prompt | None) -> Problem:
    """The Problem of the written tokens, a target each; `bare` is the opening without its context, if there is one."""
    writing = read_params(GenerationParams, request.options)
    step = STEPS[str(writing.unit)]
    _check(step, request, bare)
    draft = join(bundle, opening, continue_text(bundle, request, writing, opening, run.spend))
    whole, embedding = run_model(bundle, _asking(bundle, draft.encoded, draft.columns), writing.embedding)
    every = _at(bundle, whole, draft.columns)[0]  # (W, V)
    said = _said(bundle, draft, every)
    rows, foils = _chosen(bundle, request, writing, draft, run)
    columns = draft.columns[rows]
    shaken = [_asking(bundle, encoded, columns) for encoded in _shaken(draft.encoded, request, writing)]
    passed = [run_model(bundle, encoded, writing.embedding) for encoded in shaken]
    known = StepInputs(
        every[None, rows],
        draft.written.ids[rows],
        foils,
        without=_elsewhere(bundle, bare, draft, rows) if bare else None,
        empty=_elsewhere(bundle, encode_empty(bundle, opening), draft, rows),
        shaken=torch.stack([_at(bundle, output, columns) for output, _ in passed]) if shaken else None,
        mass=writing.top_p_mass,
    )
    run.spend(2 + bool(bare) + len(shaken))
    _check_dropout(bundle, known, step, run)

    def read(outputs: Sequence[Any]) -> Tensor:
        logits, *others = (_at(bundle, output, columns) for output in outputs)
        return compute_step_score(
            replace(known, logits=logits, shaken=torch.stack(others) if others else None), step.key
        )  # (B, T)

    def ask(_: Sequence[Any]) -> ScoreFunction:
        unit = step.key if foils is None else f"{step.key}_margin"
        return ScoreFunction(_targets(bundle, said, rows, foils), said, unit, read, steps=_steps(known))

    own = SimpleNamespace(logits=every[None, rows]) if _keeps(bundle) else whole
    encodings, passed = [_asking(bundle, draft.encoded, columns), *shaken], [(own, embedding), *passed]
    read_from = slice(None if "shaken" in step.needs else 1)
    found = assemble_problem(
        bundle, request, run, encodings[read_from], passed[read_from], ask, writing, texts=collect_texts(draft)
    )
    at_once = min(found.batching.size, _at_once(bundle, draft))
    return replace(
        found,
        visible=torch.arange(len(found.features)) < draft.places[rows][:, None],  # (T, F)
        layout=replace(found.layout, segments=draft.segments),
        internals=replace(
            found.internals,
            read_at=draft.places[rows] - 1,
            encoder_layers=bundle.model.config.num_hidden_layers if opening.start else 0,
        ),
        # Dropout draws anew for each text of a batch.
        batching=Batching(at_once, 1 if "shaken" in step.needs else found.batching.limit, at_once),
    )


def _check(step: StepScore, request: Request, bare: Prompt | None) -> None:
    """Raises BadRequest if the number that is asked for cannot be had of this request."""
    wanted = request.target
    if (wanted.label, wanted.index, wanted.position) != (None, None, None):
        raise BadRequest("Written tokens are asked for by their numbers: set start and end.")
    if wanted.foil and not step.contrasts:
        contrasts = ", ".join(other.label for other in STEPS.values() if other.contrasts)
        raise BadRequest(f"{step.label} is the same for every token, so it has no contrast. Choose from: {contrasts}.")
    if "without" in step.needs and bare is None:
        raise BadRequest(f"{step.label} compares two texts. Give the same text without its context too.")


def _check_dropout(bundle: Bundle, known: StepInputs, step: StepScore, run: Run) -> None:
    """Raises if the spread under dropout is explained and there is none; else says so where it is shown."""
    if known.shaken is None:
        if "shaken" in step.needs:
            raise BadRequest(f"{step.label} needs passes with dropout. Set Dropout samples to 2 or more.")
    elif torch.equal(known.shaken, known.logits.expand_as(known.shaken)):
        if "shaken" in step.needs:
            raise Incompatible(f"{bundle.card.label} has no dropout, so there is no spread to explain.")
        run.notices.append("This model has no dropout, so the spread under it is zero.")


def _at_once(bundle: Bundle, draft: TokenSequence) -> int:
    """How many texts of this length fit into the memory for one pass with gradients. Raises LimitReached for none."""
    config, count = bundle.model.config, len(draft.encoded.features)
    blocks = config.num_hidden_layers * (3 if config.is_encoder_decoder else 1)  # own, own and cross attention
    table: Any = bundle.embeddings.word.weight
    numbers = 2 * bundle.embeddings.weights / table.shape[-1] * count + blocks * config.num_attention_heads * count**2
    if (needed := 4 * numbers) > GRAPH_BYTES:
        raise LimitReached(
            f"The whole text has {count:,} tokens, and explaining them would take {needed / 1e9:.1f} GB of memory, of "
            f"{GRAPH_BYTES / 1e9:.1f} GB that are allowed. Shorten it."
        )
    return int(GRAPH_BYTES / needed)


def _elsewhere(bundle: Bundle, opening: Prompt, draft: TokenSequence, rows: list[int]) -> Tensor:
    """The logits (T, V) of the same written tokens after another opening."""
    other = join(bundle, opening, draft.written)
    return _logits(bundle, other, other.columns[rows])


def _shaken(encoded: Encoded, request: Request, writing: GenerationParams) -> list[Encoded]:
    """The same text for passes with dropout on, each with a seed of its own."""
    seeds = (request.seed * 1_000 + i for i in range(writing.dropout_samples))
    return [replace(encoded, context=partial(enable_dropout, seed)) for seed in seeds]


def _keeps(bundle: Bundle) -> bool:
    """Whether the model can be asked for the logits of some places only."""
    return "logits_to_keep" in inspect.signature(bundle.model.forward).parameters


def _asking(bundle: Bundle, encoded: Encoded, columns: Tensor) -> Encoded:
    """The same, asking for the logits at these places alone, where the model can be asked."""
    return (
        replace(encoded, forward_arguments={**encoded.forward_arguments, "logits_to_keep": columns})
        if _keeps(bundle)
        else encoded
    )


def _at(bundle: Bundle, output: Any, columns: Tensor) -> Tensor:
    """The logits (B, T, V) at these places of what the model gave when it was asked for them."""
    return output.logits if _keeps(bundle) else output.logits[:, columns]  # type: ignore[no-any-return]


def _logits(bundle: Bundle, draft: TokenSequence, columns: Tensor) -> Tensor:
    """The model's logits at these places, (T, V)."""
    asking = _asking(bundle, draft.encoded, columns)
    with torch.no_grad(), asking.context(bundle.model):
        return _at(bundle, bundle.model(**asking.batch(1)), columns)[0]


def _said(bundle: Bundle, draft: TokenSequence, logits: Tensor) -> Prediction:
    """Each written token with its probability, and those that were most probable in its place, from logits (W, V)."""
    shares = logits.softmax(-1)  # (W, V)
    ids = draft.written.ids
    own = shares.gather(1, ids[:, None])[:, 0].tolist()
    rows = zip(draft.written.features, ids.tolist(), draft.places.tolist(), own, strict=True)
    best = shares.topk(min(ALTERNATIVES, shares.shape[-1]))
    others = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return Prediction(
        tuple(Target(feature.text, token, place, probability=share) for feature, token, place, share in rows),
        draft.written.text,
        tuple(
            tuple(
                Target(_shown(bundle, token), token, probability=share)
                for token, share in zip(tokens, probabilities, strict=True)
            )
            for tokens, probabilities in others
        ),
    )


def _shown(bundle: Bundle, token: int) -> str:
    """A token as text, with its space where the tokenizer tells it."""
    tokenizer = bundle.tokenizer
    return str(tokenizer.convert_tokens_to_string([tokenizer.convert_ids_to_tokens(token)]))


def _chosen(
    bundle: Bundle, request: Request, writing: GenerationParams, draft: TokenSequence, run: Run
) -> tuple[list[int], Tensor | None]:
    """The numbers of the written tokens that are explained, and the foil of each, (T,), if there is a contrast."""
    ids = draft.written.ids.tolist()
    first, end = writing.start - 1, writing.end or len(ids)
    if not first < end <= len(ids):
        raise BadRequest(f"There is no token from {first + 1} to {end}: the text that was written has {len(ids)}.")
    if not request.target.foil:
        return list(range(first, end)), None
    other = replace_continuation(bundle, draft.opening, draft.written, first, request.target.foil)
    if writing.alignment.strip() in ("", AUTO):
        table: Any = (bundle.embeddings.decoder or bundle.embeddings.word).weight
        found = align(compute_similarity(table, ids[first:end], other))
        pairs = {first + row: column for row, column in found.items()}
    else:
        pairs = parse_alignment(writing.alignment, len(ids), len(other))
    foils = {row: other[column] for row, column in pairs.items() if first <= row < end and other[column] != ids[row]}
    if not foils:
        raise BadRequest(f"{request.target.foil[:60]!r} is the same as the written text, so there is no contrast.")
    if len(foils) < end - first:
        which = "is the one written token" if len(foils) == 1 else f"are the {len(foils)} written tokens"
        run.notices.append(f"Explained {which} that the other text replaces by others.")
    return list(foils), torch.tensor(list(foils.values()))


def _targets(bundle: Bundle, said: Prediction, rows: list[int], foils: Tensor | None) -> tuple[Target, ...]:
    targets = [said.targets[row] for row in rows]
    if foils is None:
        return tuple(targets)
    return tuple(
        replace(target, foil=_shown(bundle, foil)) for target, foil in zip(targets, foils.tolist(), strict=True)
    )


def _steps(known: StepInputs) -> Steps:
    """All step scores that can be had, and the margins if there is a contrast."""
    plain = replace(known, foils=None)
    rows = [(step.key, compute_step_score(plain, step.key)) for step in find_available(plain)]
    if known.foils is not None:
        rows += [
            (f"{step.key}_margin", compute_step_score(known, step.key))
            for step in find_available(known)
            if step.contrasts
        ]
    return tuple((key, tuple(numbers[0].tolist())) for key, numbers in rows)
