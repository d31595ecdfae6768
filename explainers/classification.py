"""What every task that classifies one or two texts shares: its Prediction and its Problem.

Knows no method; which texts there are is the task's to say.
"""

import inspect
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from .anatomy import Embedding
from .data import Prediction, Request, Target
from .encoding import Encoded, Reading, baseline, baseline_ids, encode, forward
from .errors import BadRequest
from .loading import Bundle, labels
from .method import knobs, settings_of
from .problem import Layer, Problem, Run
from .readout import Activation, activation, probabilities, readout, unit_name


def prediction(bundle: Bundle, texts: Mapping[str, str]) -> Prediction:
    """Every label with its probability, best first."""
    encoded = encode(bundle, texts)
    with torch.no_grad():
        logits = bundle.model(**encoded.inputs).logits  # (1, C)
    return _prediction(bundle, logits)


def _prediction(bundle: Bundle, logits: Tensor) -> Prediction:
    shown = probabilities(logits[0], activation(bundle.model.config)).tolist()  # (C,)
    targets = [Target(label, index, probability=shown[index]) for index, label in enumerate(labels(bundle.model))]
    return Prediction(tuple(sorted(targets, key=lambda target: -(target.probability or 0.0))))


def problem(bundle: Bundle, request: Request, run: Run, texts: Mapping[str, str]) -> Problem:
    """The Problem of one class of a sequence classifier, its features the tokens of `texts`."""
    reading = Reading(**settings_of(request.options, knobs(Reading)))  # type: ignore[arg-type]
    encoded = encode(bundle, texts)
    output, embedding = forward(bundle, encoded, reading.embedding)
    kind, said = activation(bundle.model.config), _prediction(bundle, output.logits)
    target, foil = resolve(request.target, said)
    read = _reader(target, foil, reading, kind)
    ids = baseline_ids(bundle, encoded, reading, embedding)
    run.notices += encoded.notices

    def score(x: Tensor) -> Tensor:
        with embedding.replaced(x):
            return read(bundle.model(**encoded.batch(len(x))).logits)

    return Problem(
        features=encoded.features,
        targets=(target,),
        prediction=said,
        unit=unit_name(reading.unit, kind, foil),
        x=embedding.of(embedding.ids),
        baseline=baseline(encoded, embedding, ids, reading.baseline),
        score=score,
        deployed=read(output.logits)[0],
        batch=bundle.anatomy.batch(len(encoded.features)),
        seed=request.seed,
        run=run,
        layer=_layer(bundle, encoded, reading, embedding, ids, read, run),
    )


def _reader(target: Target, foil: int | None, reading: Reading, kind: Activation) -> Callable[[Tensor], Tensor]:
    def read(logits: Tensor) -> Tensor:
        return readout(logits, target.index or 0, reading.unit, kind, foil)[:, None]  # (B, 1)

    return read


def _layer(
    bundle: Bundle,
    encoded: Encoded,
    reading: Reading,
    embedding: Embedding,
    ids: Tensor | None,
    read: Callable[[Tensor], Tensor],
    run: Run,
) -> Layer | None:
    """The embedding module with the ids it reads, for methods that hook it themselves."""
    name = {"word": "input_ids", "position": "position_ids"}[reading.embedding]
    if name not in inspect.signature(bundle.model.forward).parameters:
        return None

    def score(rows: Tensor) -> Tensor:
        run.spend(len(rows))
        return read(bundle.model(**encoded.batch(len(rows)) | {name: rows}).logits)

    return Layer(embedding.module, embedding.ids.reshape(1, -1), ids if ids is None else ids.reshape(1, -1), score)


def resolve(wanted: Target, said: Prediction) -> tuple[Target, int | None]:
    """The class that is asked for, the predicted one if none is, and the index of its foil."""
    target = said.targets[0]
    if wanted.label is not None or wanted.index is not None:
        target = _class(said, wanted.label, wanted.index)
    if wanted.foil is None:
        return target, None
    foil = _class(said, wanted.foil, None)
    if foil.index == target.index:
        raise BadRequest(f"{target.label} cannot be compared with itself. Choose another label to compare with.")
    return Target(target.label, target.index, foil=foil.label, probability=target.probability), foil.index


def _class(said: Prediction, label: str | None, index: int | None) -> Target:
    for matches in (
        lambda target: target.label == label if index is None else target.index == index,
        lambda target: index is None and str(target.label).casefold() == str(label).casefold(),
    ):
        if found := next(filter(matches, said.targets), None):
            return found
    known = ", ".join(sorted(str(target.label) for target in said.targets)[:30])
    raise BadRequest(f"The model has no class {str(label if index is None else index)[:60]!r}. Its classes: {known}.")
