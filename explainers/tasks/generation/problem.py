"""The Problem of generated text: each generated token is a target, and one forward pass serves all of them.

Letters: B inputs in a batch, W generated tokens, T explained ones, F features, V size of the vocabulary.
"""

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
from ...models.probes.configuration import count_heads, count_layers, find_text_config
from ...models.probes.embeddings import Embedding, JointEmbedding
from ...problem import Batching, Problem
from ...progress import Run
from ...registry import read_params
from ...request import Request, Target
from ...results.explanation import Prediction, Steps
from .._scores import ScoreFunction
from .._text_problem import assemble_problem
from ..tokenization import Encoded, make_baseline_ids, run_model
from .alignment import AUTO, align, compute_similarity, parse_alignment
from .decoding import GenerationParams, continue_prompt, replace_continuation
from .dropout import enable_dropout
from .prompts import Prompt, encode_empty
from .sequences import TokenSequence, join
from .step_scores import STEP_SCORES, StepInputs, StepScore, compute_step_score, find_available
from .token_ids import check_count, check_rows, name_token

ALTERNATIVES = 5  # most probable tokens that are listed at each position
GRAPH_BYTES = 2.5e9  # memory for one pass with gradients, beyond the model itself


def make_prediction(bundle: Bundle, request: Request, prompt: Prompt) -> Prediction:
    """Generate the text, or compute the probabilities of the one that the request forces."""
    params = read_params(GenerationParams, request.options)
    sequence = join(bundle, prompt, continue_prompt(bundle, request, params, prompt, lambda _: None))
    return _describe_tokens(bundle, sequence, _compute_logits(bundle, sequence, sequence.logit_positions))


def make_problem(bundle: Bundle, request: Request, run: Run, prompt: Prompt, without: Prompt | None) -> Problem:
    """Make the Problem whose targets are the generated tokens; `without` is the prompt without context, if given."""
    params = read_params(GenerationParams, request.options)
    step = STEP_SCORES[str(params.unit)]
    _check_request(step, request, without)
    sequence = join(bundle, prompt, continue_prompt(bundle, request, params, prompt, run.spend))
    run.notices += sequence.continuation.notices
    every = sequence.logit_positions
    output, embedding = run_model(bundle, _keep_logits(bundle, sequence.encoded, every), params.embedding)
    logits = _select_logits(bundle, output, every)[0]  # (W, V)
    prediction = _describe_tokens(bundle, sequence, logits)
    _check_baseline(bundle, params, sequence, embedding)
    rows, foils = _choose_tokens(bundle, request, params, sequence, run)
    positions = every[rows]
    dropout_encodings = [
        _keep_logits(bundle, encoded, positions) for encoded in _add_dropout(sequence.encoded, request, params)
    ]
    dropout_passes = [run_model(bundle, encoded, params.embedding) for encoded in dropout_encodings]
    inputs = StepInputs(
        logits[None, rows],
        sequence.continuation.ids[rows],
        foils,
        without_context=_compute_logits_after(bundle, without, sequence, rows) if without else None,
        without_input=_compute_logits_after(bundle, encode_empty(bundle, prompt), sequence, rows),
        dropout_logits=torch.stack([_select_logits(bundle, other, positions) for other, _ in dropout_passes])
        if dropout_encodings
        else None,
        top_p_mass=params.top_p_mass,
    )
    run.spend(2 + bool(without) + len(dropout_encodings))
    _check_dropout(bundle, inputs, step, run)

    def read(outputs: Sequence[Any]) -> Tensor:
        own, *others = (_select_logits(bundle, output, positions) for output in outputs)
        changed = replace(inputs, logits=own, dropout_logits=torch.stack(others) if others else None)
        return compute_step_score(changed, step.key)  # (B, T)

    def make_score(_: Sequence[Any]) -> ScoreFunction:
        unit = step.key if foils is None else f"{step.key}_margin"
        targets = _make_targets(bundle, prediction, rows, foils)
        return ScoreFunction(targets, prediction, unit, read, steps=_compute_steps(inputs))

    if _accepts_logits_to_keep(bundle):
        output = SimpleNamespace(logits=logits[None, rows])
    encodings = [_keep_logits(bundle, sequence.encoded, positions), *dropout_encodings]
    passed = [(output, embedding), *dropout_passes]
    explains_dropout = "dropout_logits" in step.needs
    used = slice(None if explains_dropout else 1)
    problem = assemble_problem(
        bundle, request, run, encodings[used], passed[used], make_score, params, texts=sequence.texts
    )
    size = min(problem.batching.size, _compute_batch_size(bundle, sequence))
    feature_positions = sequence.feature_positions[rows]
    return replace(
        problem,
        visible=torch.arange(len(problem.features)) < feature_positions[:, None],  # (T, F)
        layout=replace(problem.layout, segments=sequence.segments),
        internals=replace(
            problem.internals,
            read_at=feature_positions - 1,
            encoder_layers=count_layers(find_text_config(bundle.model, "encoder")) if prompt.decoder_ids else 0,
        ),
        # In a batch, dropout would differ between its rows.
        batching=Batching(size, 1 if explains_dropout else problem.batching.limit, size),
    )


def _check_request(step: StepScore, request: Request, without: Prompt | None) -> None:
    """Raise BadRequest if this step score cannot be computed for this request."""
    target = request.target
    if (target.label, target.index, target.position) != (None, None, None):
        raise BadRequest("Generated tokens are chosen by their numbers: set start and end.")
    if target.foil and not step.contrasts:
        contrasts = ", ".join(other.label for other in STEP_SCORES.values() if other.contrasts)
        raise BadRequest(f"{step.label} has no contrast between two tokens. Choose from: {contrasts}.")
    if "without_context" in step.needs and without is None:
        raise BadRequest(f"{step.label} compares two texts. Give the same text without its context too.")


def _check_baseline(
    bundle: Bundle, params: GenerationParams, sequence: TokenSequence, embedding: Embedding | JointEmbedding
) -> None:
    """Raise Incompatible if the baseline's token has no row in one of the model's tables."""
    ids = make_baseline_ids(bundle, sequence.encoded, params, embedding)
    if ids is None or params.embedding == "position":
        return
    source = sequence.encoded.inputs["input_ids"].shape[-1]
    for part, generated in ((ids[0, :source], False), (ids[0, source:], True)):
        check_rows(bundle, part.tolist(), generated=generated, advice="Set Baseline to zeros.")


def _check_dropout(bundle: Bundle, inputs: StepInputs, step: StepScore, run: Run) -> None:
    """Raise if the spread under dropout is to be explained and there is none; add a notice if it is only shown."""
    needed = "dropout_logits" in step.needs
    if inputs.dropout_logits is None:
        if needed:
            raise BadRequest(f"{step.label} needs passes with dropout. Set Dropout samples to 2 or more.")
    elif torch.equal(inputs.dropout_logits, inputs.logits.expand_as(inputs.dropout_logits)):
        if needed:
            raise Incompatible(f"{bundle.card.label} has no dropout, so its standard deviation is zero.")
        run.notices.append("This model has no dropout, so the standard deviation under dropout is zero.")


def _compute_batch_size(bundle: Bundle, sequence: TokenSequence) -> int:
    """Compute how many texts of this length fit into GRAPH_BYTES at once. Raises LimitReached for none."""
    count, heads = len(sequence.encoded.features), _count_all_heads(bundle)
    table: Any = bundle.embeddings.word.weight
    numbers = 2 * bundle.embeddings.weights / table.shape[-1] * count + heads * count**2
    if (needed := 4 * numbers) > GRAPH_BYTES:
        raise LimitReached(
            f"The whole text has {count:,} tokens, and explaining them would take {needed / 1e9:.1f} GB of memory, of "
            f"{GRAPH_BYTES / 1e9:.1f} GB that are allowed. Shorten it."
        )
    return int(GRAPH_BYTES / needed)


def _count_all_heads(bundle: Bundle) -> int:
    """Return the number of attention heads in the whole model; a decoder with an encoder has cross-attention too."""
    if not bundle.model.config.is_encoder_decoder:
        config = find_text_config(bundle.model)
        return count_layers(config) * count_heads(config)
    encoder, decoder = find_text_config(bundle.model, "encoder"), find_text_config(bundle.model, "decoder")
    return count_layers(encoder) * count_heads(encoder) + 2 * count_layers(decoder) * count_heads(decoder)


def _add_dropout(encoded: Encoded, request: Request, params: GenerationParams) -> list[Encoded]:
    """Return the text once for each pass with dropout on, each with its own seed."""
    seeds = (request.seed * 1_000 + i for i in range(params.dropout_samples))
    return [replace(encoded, context=partial(enable_dropout, seed)) for seed in seeds]


def _accepts_logits_to_keep(bundle: Bundle) -> bool:
    return "logits_to_keep" in inspect.signature(bundle.model.forward).parameters


def _keep_logits(bundle: Bundle, encoded: Encoded, positions: Tensor) -> Encoded:
    """Ask the model for the logits at these positions only, if it can be asked."""
    if not _accepts_logits_to_keep(bundle):
        return encoded
    return replace(encoded, forward_arguments={**encoded.forward_arguments, "logits_to_keep": positions})


def _select_logits(bundle: Bundle, output: Any, positions: Tensor) -> Tensor:
    """Return the logits (B, W, V) at the positions that `_keep_logits` asked for, at least in single precision.

    A softmax in half precision would round the probabilities, and a sum of many of them would stop to grow.
    """
    logits = output.logits if _accepts_logits_to_keep(bundle) else output.logits[:, positions]
    return logits.to(torch.promote_types(logits.dtype, torch.float32))  # type: ignore[no-any-return]


def _compute_logits(bundle: Bundle, sequence: TokenSequence, positions: Tensor) -> Tensor:
    """Compute the model's logits at these positions, (W, V)."""
    encoded = _keep_logits(bundle, sequence.encoded, positions)
    with torch.no_grad(), encoded.context(bundle.model):
        return _select_logits(bundle, bundle.model(**encoded.batch(1)), positions)[0]


def _compute_logits_after(bundle: Bundle, prompt: Prompt, sequence: TokenSequence, rows: list[int]) -> Tensor:
    """Compute the logits (T, V) of the same generated tokens after another prompt."""
    other = join(bundle, prompt, sequence.continuation)
    return _compute_logits(bundle, other, other.logit_positions[rows])


def _describe_tokens(bundle: Bundle, sequence: TokenSequence, logits: Tensor) -> Prediction:
    """Return each generated token and its most probable alternatives, from logits (W, V)."""
    ids = sequence.continuation.ids
    check_count(bundle, ids.tolist(), logits.shape[-1])
    probabilities = logits.softmax(-1)  # (W, V)
    own = probabilities.gather(1, ids[:, None])[:, 0].tolist()
    features, positions = sequence.continuation.features, sequence.feature_positions.tolist()
    best = probabilities.topk(min(ALTERNATIVES, probabilities.shape[-1]))
    return Prediction(
        tuple(
            Target(feature.text, token, position, probability=share)
            for feature, token, position, share in zip(features, ids.tolist(), positions, own, strict=True)
        ),
        sequence.continuation.text,
        tuple(
            tuple(
                Target(_decode_token(bundle, token), token, probability=share)
                for token, share in zip(tokens, shares, strict=True)
            )
            for tokens, shares in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ),
    )


def _decode_token(bundle: Bundle, token: int) -> str:
    """Decode one token, with its leading space if the tokenizer has one in it."""
    return str(bundle.tokenizer.convert_tokens_to_string([name_token(bundle.tokenizer, token)]))


def _choose_tokens(
    bundle: Bundle, request: Request, params: GenerationParams, sequence: TokenSequence, run: Run
) -> tuple[list[int], Tensor | None]:
    """Return the numbers of the generated tokens to explain, and the foil of each, (T,), if there is a contrast."""
    ids = sequence.continuation.ids.tolist()
    first, end = params.start - 1, params.end or len(ids)
    if not first < end <= len(ids):
        raise BadRequest(f"There are no tokens {first + 1} to {end}: the generated text has {len(ids)}.")
    foil = request.target.foil
    if not foil:
        return list(range(first, end)), None
    other = replace_continuation(bundle, sequence.prompt, sequence.continuation, first, foil)
    if params.alignment.strip() in ("", AUTO):
        table: Any = (bundle.embeddings.decoder or bundle.embeddings.word).weight
        alignment = align(compute_similarity(table, ids[first:end], other))
        pairs = {first + row: column for row, column in alignment.items()}
    else:
        pairs = parse_alignment(params.alignment, len(ids), len(other))
    foils = {row: other[column] for row, column in pairs.items() if first <= row < end and other[column] != ids[row]}
    if not foils:
        raise BadRequest(f"{foil[:60]!r} is the same as the generated text, so there is no contrast.")
    if len(foils) < end - first:
        only = "the 1 generated token that differs" if len(foils) == 1 else f"the {len(foils)} tokens that differ"
        run.notices.append(f"This explains {only} from the other text.")
    return list(foils), torch.tensor(list(foils.values()))


def _make_targets(bundle: Bundle, prediction: Prediction, rows: list[int], foils: Tensor | None) -> tuple[Target, ...]:
    targets = [prediction.targets[row] for row in rows]
    if foils is None:
        return tuple(targets)
    return tuple(
        replace(target, foil=_decode_token(bundle, foil)) for target, foil in zip(targets, foils.tolist(), strict=True)
    )


def _compute_steps(inputs: StepInputs) -> Steps:
    """Compute all available step scores, and the margins over the foils if there is a contrast."""
    plain = replace(inputs, foils=None)
    rows = [(step.key, compute_step_score(plain, step.key)) for step in find_available(plain)]
    if inputs.foils is not None:
        rows += [
            (f"{step.key}_margin", compute_step_score(inputs, step.key))
            for step in find_available(inputs)
            if step.contrasts
        ]
    return tuple((key, tuple(numbers[0].tolist())) for key, numbers in rows)
