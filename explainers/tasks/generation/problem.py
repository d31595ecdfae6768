"""The Problem of generated text: each generated token is a target, and one forward pass serves all of them.

Letters: B inputs in a batch, W generated tokens, T explained ones, F features, V size of the vocabulary.
"""

import inspect
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from ...errors import BadRequest, Incompatible, LimitReached
from ...models.loading import Bundle
from ...models.probes.configuration import count_heads, count_layers, find_text_config
from ...problem import Batching, Problem
from ...progress import Run
from ...request import Target, ValidRequest
from ...results.explanation import Prediction, Steps
from .._scores import ScoreFunction
from .._text_problem import assemble_problem
from ..tokenization import Encoded, find_fill_id, run_model
from .alignment import AUTO, align, compute_similarity, parse_alignment
from .decoding import GenerationParams, continue_prompt, tokenize_foil
from .dropout import enable_dropout
from .prompts import Prompt, encode_empty
from .sequences import TokenSequence, join
from .step_scores import STEP_SCORES, StepInputs, StepScore, compute_step_score, find_available
from .token_ids import check_count, check_rows, name_token

ALTERNATIVES = 5  # most probable tokens that are listed at each position
GRAPH_BYTES = 2.5e9  # memory for one pass with gradients, beyond the model itself
LOOKS_AHEAD = (
    "This model sees later tokens too, so it reads the text anew for each generated token: only what comes before it."
)


def make_prediction(bundle: Bundle, request: ValidRequest, prompt: Prompt) -> Prediction:
    """Generate the text, or compute the probabilities of the one that the request forces."""
    params = request.read(GenerationParams)
    sequence = join(bundle, prompt, continue_prompt(bundle, request, params, prompt, lambda _: None))
    return _describe_tokens(bundle, sequence, _compute_logits(bundle, sequence, _list_rows(sequence)))


def make_problem(bundle: Bundle, request: ValidRequest, run: Run, prompt: Prompt, without: Prompt | None) -> Problem:
    """Make the Problem whose targets are the generated tokens; `without` is the prompt without context, if given."""
    params = request.read(GenerationParams)
    step = STEP_SCORES[str(params.unit)]
    _check_request(step, request, without)
    sequence = join(bundle, prompt, continue_prompt(bundle, request, params, prompt, run.spend))
    if bundle.looks_ahead:
        logits = _compute_logits(bundle, sequence, _list_rows(sequence))  # (W, V)
        run.notices.append(LOOKS_AHEAD)
    else:
        every = sequence.logit_positions
        output, embedding = run_model(bundle, _keep_logits(bundle, sequence.encoded, every), params.embedding)
        logits = _select_logits(bundle, output, every)[0]  # (W, V)
    prediction = _describe_tokens(bundle, sequence, logits)
    _check_baseline(bundle, params, prompt)
    rows, foils = _choose_tokens(bundle, request, params, sequence, run)
    positions = sequence.logit_positions[rows]
    dropout_encodings = [
        _split_passes(bundle, sequence, rows, encoded) for encoded in _add_dropout(sequence.encoded, request, params)
    ]
    dropout_passes = [
        [run_model(bundle, encoded, params.embedding) for encoded in encodings] for encodings in dropout_encodings
    ]
    inputs = StepInputs(
        logits[None, rows],
        sequence.continuation.ids[rows],
        foils,
        without_context=_compute_logits_after(bundle, without, sequence, rows) if without else None,
        without_input=_compute_logits_after(bundle, encode_empty(bundle, prompt), sequence, rows),
        dropout_logits=torch.stack(
            [_join_logits(bundle, [output for output, _ in passes], positions) for passes in dropout_passes]
        )
        if dropout_passes
        else None,
        top_p_mass=params.top_p_mass,
    )
    encodings = _split_passes(bundle, sequence, rows)
    count = len(encodings)
    run.spend((2 + bool(without) + len(dropout_encodings)) * count)
    _check_dropout(bundle, inputs, step, run)

    def read(outputs: Sequence[Any]) -> Tensor:
        groups = [outputs[first : first + count] for first in range(0, len(outputs), count)]
        own, *others = (_join_logits(bundle, group, positions) for group in groups)
        changed = replace(inputs, logits=own, dropout_logits=torch.stack(others) if others else None)
        return compute_step_score(changed, step.key)  # (B, T)

    def make_score(_: Sequence[Any]) -> ScoreFunction:
        unit = step.key if foils is None else f"{step.key}_margin"
        targets = _make_targets(bundle, prediction, rows, foils)
        return ScoreFunction(targets, prediction, unit, read, steps=_compute_steps(inputs))

    if bundle.looks_ahead:
        passes = [run_model(bundle, encoded, params.embedding) for encoded in encodings]
    else:
        if _accepts_logits_to_keep(bundle):
            output = SimpleNamespace(logits=logits[None, rows])
        passes = [(output, embedding)]
    explains_dropout = "dropout_logits" in step.needs
    if explains_dropout:
        encodings = [*encodings, *chain(*dropout_encodings)]
        passes = [*passes, *chain(*dropout_passes)]
    scored = len(encodings)
    if bundle.looks_ahead:  # the last tokens are features too, which no token sees
        encodings.append(sequence.encoded)
        passes.append(run_model(bundle, sequence.encoded, params.embedding))
    problem = assemble_problem(
        bundle, request, run, encodings, passes, make_score, params, texts=sequence.texts, scored=scored
    )
    size = min(problem.batching.size, _compute_batch_size(bundle, sequence, scored))
    feature_positions = sequence.feature_positions[rows]
    return replace(
        problem,
        visible=torch.arange(len(problem.features)) < feature_positions[:, None],  # (T, F)
        layout=replace(problem.layout, segments=sequence.segments),
        internals=replace(
            problem.internals,
            read_at=feature_positions - 1,
            fill=None
            if prompt.decoder_ids or bundle.looks_ahead
            else partial(_draw_other_tokens, bundle, sequence.encoded, run),
            encoder_layers=count_layers(find_text_config(bundle.model, "encoder")) if prompt.decoder_ids else 0,
        ),
        # In a batch, dropout would differ between its rows.
        batching=Batching(size, 1 if explains_dropout else problem.batching.limit, size),
    )


def _check_request(step: StepScore, request: ValidRequest, without: Prompt | None) -> None:
    """Raise BadRequest if this step score cannot be computed for this request."""
    target = request.target
    if (target.label, target.index, target.position) != (None, None, None):
        raise BadRequest("Generated tokens are chosen by their numbers: set start and end.")
    if target.foil and not step.contrasts:
        contrasts = ", ".join(other.label for other in STEP_SCORES.values() if other.contrasts)
        raise BadRequest(f"{step.label} has no contrast between two tokens. Choose from: {contrasts}.")
    if "without_context" in step.needs and without is None:
        raise BadRequest(f"{step.label} compares two texts. Give the same text without its context too.")


def _check_baseline(bundle: Bundle, params: GenerationParams, prompt: Prompt) -> None:
    """Raise Incompatible if the baseline's token has no row in one of the model's tables."""
    if params.baseline not in ("zeros", "mean") and params.embedding == "word":
        fill = find_fill_id(bundle, params)
        for generated in (False, True) if prompt.decoder_ids else (False,):
            check_rows(bundle, [fill], generated=generated, advice="Set Baseline to zeros.")


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


def _compute_batch_size(bundle: Bundle, sequence: TokenSequence, passes: int) -> int:
    """Compute how many texts of this length fit into GRAPH_BYTES at once, each run in so many passes.

    Raises LimitReached for none.
    """
    count, heads = len(sequence.encoded.features), _count_all_heads(bundle)
    numbers = 2 * bundle.embeddings.weights / bundle.embeddings.width * count + heads * count**2
    if (needed := 4 * numbers * passes) > GRAPH_BYTES:
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


def _add_dropout(encoded: Encoded, request: ValidRequest, params: GenerationParams) -> list[Encoded]:
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


def _split_passes(
    bundle: Bundle, sequence: TokenSequence, rows: Sequence[int], encoded: Encoded | None = None
) -> list[Encoded]:
    """Return what is run for the logits of these generated tokens: the whole text at once, by default.

    If the model looks ahead, each token has a pass of its own, over the text before it.
    """
    encoded, positions = encoded or sequence.encoded, sequence.logit_positions[rows]
    if not bundle.looks_ahead:
        return [_keep_logits(bundle, encoded, positions)]
    ends = zip(positions.tolist(), sequence.feature_positions[rows].tolist(), strict=True)
    return [
        _keep_logits(bundle, _cut(sequence, encoded, position + 1, count), torch.tensor([position]))
        for position, count in ends
    ]


def _cut(sequence: TokenSequence, encoded: Encoded, length: int, count: int) -> Encoded:
    """Return the first `length` positions of the text (of the decoder's, if there is one), with `count` features."""
    names = {"decoder_input_ids"} if sequence.prompt.decoder_ids else set(encoded.inputs)
    inputs = {name: rows[:, :length] if name in names else rows for name, rows in encoded.inputs.items()}
    return replace(encoded, inputs=inputs, features=encoded.features[:count], special=encoded.special[:count])


def _join_logits(bundle: Bundle, outputs: Sequence[Any], positions: Tensor) -> Tensor:
    """Return the logits (B, T, V) at T positions from the outputs of `_split_passes`."""
    if not bundle.looks_ahead:
        return _select_logits(bundle, outputs[0], positions)
    pairs = zip(outputs, positions[:, None], strict=True)
    return torch.cat([_select_logits(bundle, output, position) for output, position in pairs], dim=1)


def _draw_other_tokens(bundle: Bundle, encoded: Encoded, run: Run, count: int, generator: torch.Generator) -> Tensor:
    """Draw other tokens for each place of a text, (count, F), from the probabilities after the text before it.

    The token that is there and special ones are not drawn. What comes first is drawn as if all tokens were equally
    likely.
    """
    with torch.no_grad(), encoded.context(bundle.model):
        logits = bundle.model(**encoded.batch(1)).logits[0]  # (F, V)
    run.spend(1)
    own = encoded.inputs["input_ids"][0]
    special = torch.tensor(bundle.tokenizer.all_special_ids)
    drawn = []
    for place, token in enumerate(own.tolist()):
        row = logits[place - 1] if place else torch.zeros_like(logits[0])
        shares = row.double().softmax(-1).to(generator.device)
        excluded = torch.cat([special[special < len(row)], torch.tensor([token])])
        shares[excluded] = 0
        if not shares.sum() > 0:  # the model is certain of what is there
            shares = torch.ones_like(shares).index_fill(0, excluded.to(shares.device), 0)
        drawn.append(torch.multinomial(shares, count, replacement=True, generator=generator).cpu())
    return torch.stack(drawn, dim=1)


def _list_rows(sequence: TokenSequence) -> list[int]:
    return list(range(len(sequence.continuation.ids)))


def _compute_logits(bundle: Bundle, sequence: TokenSequence, rows: Sequence[int]) -> Tensor:
    """Compute the model's logits that predict these generated tokens, (T, V)."""
    outputs = []
    for encoded in _split_passes(bundle, sequence, rows):
        with torch.no_grad(), encoded.context(bundle.model):
            outputs.append(bundle.model(**encoded.batch(1)))
    return _join_logits(bundle, outputs, sequence.logit_positions[rows])[0]


def _compute_logits_after(bundle: Bundle, prompt: Prompt, sequence: TokenSequence, rows: list[int]) -> Tensor:
    """Compute the logits (T, V) of the same generated tokens after another prompt."""
    other = join(bundle, prompt, sequence.continuation)
    return _compute_logits(bundle, other, rows)


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
    bundle: Bundle, request: ValidRequest, params: GenerationParams, sequence: TokenSequence, run: Run
) -> tuple[list[int], Tensor | None]:
    """Return the numbers of the generated tokens to explain, and the foil of each, (T,), if there is a contrast."""
    ids = sequence.continuation.ids.tolist()
    first, end = params.start - 1, params.end or len(ids)
    if not first < end <= len(ids):
        raise BadRequest(f"There are no tokens {first + 1} to {end}: the generated text has {len(ids)}.")
    foil = request.target.foil
    if not foil:
        return list(range(first, end)), None
    other = tokenize_foil(bundle, params, sequence.prompt, sequence.continuation, first, foil)
    run.notices += other.notices
    foil_ids = other.ids.tolist()
    if params.alignment.strip() in ("", AUTO):
        module: Any = bundle.embeddings.decoder or bundle.embeddings.word
        table = torch.zeros(bundle.embeddings.rows, 1) if module is None else module.weight  # then only equal ones pair
        alignment = align(compute_similarity(table, ids[first:end], foil_ids))
        pairs = {first + row: column for row, column in alignment.items()}
    else:
        pairs = parse_alignment(params.alignment, range(first, end), len(foil_ids))
    foils = {row: foil_ids[column] for row, column in pairs.items() if foil_ids[column] != ids[row]}
    if not foils:
        raise BadRequest(_explain_no_contrast(foil, ids[first:end], foil_ids))
    if len(foils) < end - first:
        only = "the 1 generated token that differs" if len(foils) == 1 else f"the {len(foils)} tokens that differ"
        run.notices.append(f"This explains {only} from the other text.")
    return list(foils), torch.tensor(list(foils.values()))


def _explain_no_contrast(foil: str, own: list[int], other: list[int]) -> str:
    """Return why no generated token has another one to be contrasted with."""
    name, length = repr(foil[:60]), min(len(own), len(other))
    if own == other:
        return f"{name} is the same as the generated text, so there is no contrast."
    if own[:length] != other[:length]:
        return f"No generated token is paired with a different one of {name}. Choose another alignment, or {AUTO}."
    longer, shorter = (name, "the generated text") if len(other) > length else ("the generated text", name)
    return (
        f"{shorter} is only the beginning of {longer}: both have the same tokens up to its end, where there is nothing "
        "to contrast. Give two texts that differ before one of them ends."
    )


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
