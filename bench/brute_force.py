"""Check an explanation of a model against the model's own forward pass on ids or pixels.

Nothing of the library's Problem is used: each perturbed input is a row of ids (or an image) that the model runs alone.
Letters: T targets, F features.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bench.random_models import RandomModel
from explainers import Bundle, ExplainerError, Explanation, Request, Target, explain

TOLERANCE = 2e-4  # between scores, relative to the largest of them or to 1
CONVERGENCE = 0.005  # of integrated gradients, its default
PASSES = 100  # of integrated gradients for each target
TEXT = "the cast is wonderful and the soup cold"
INPUTS: dict[str, dict[str, Any]] = {
    "text_classification": {"text": TEXT},
    "token_classification": {"text": TEXT},
    "question_answering": {"question": "who was the cast", "context": TEXT},
    "fill_mask": {"text": "the cast is [MASK] and the soup cold"},
    "text_generation": {"prompt": "the cast is wonderful and", "continuation": " the soup"},
    "translation": {"source": "the cast is wonderful and", "target": "the soup cold"},
}
SQUARE = 16  # side of a hidden square, in pixels
PICTURE = Image.fromarray((np.arange(40 * 40 * 3) * 7 % 251).astype(np.uint8).reshape(40, 40, 3))
GENERATED = {"text_generation": "continuation", "translation": "target"}
KEPT_OF_LIBRARY = {"text_generation": "unk", "translation": "unk"}  # the default baselines; else the padding token
LABEL, PLACE = 1, 3  # the class that is explained, and the token


class Wrong(Exception):
    """A fact that does not hold; its message names the fact and the numbers."""


class Blind(Exception):
    """The model's inputs make no difference, so that nothing can be checked."""


@dataclass(frozen=True)
class Plain:
    """A model's own numbers: `run` maps one perturbed input to the scores (T,); (F,) features may be hidden.

    `hide(mask)` makes the input whose features at `mask` (F,) are the baseline. `groups` (F,) are hidden together, and
    those of group -1 never. `list_others` lists the scores (T,) of the other baselines that a method with gradients may
    take if it says so.
    """

    run: Callable[[Any], Tensor]
    hide: Callable[[Tensor], Any]
    groups: Tensor
    visible: Tensor | None = None
    list_others: Callable[[], list[Tensor]] = list


def run_alone(made: RandomModel, task: str) -> Any:
    """Run the model on what its own tokenizer or processor makes; return the output. Raises whatever it raises."""
    inputs = encode(made, task)
    output = forward(made.model, inputs)
    again = forward(made.model, inputs)
    numbers = read_numbers(output, task)
    if not bool(numbers.isfinite().all()):
        raise ValueError("its output is not finite")
    if not torch.equal(numbers, read_numbers(again, task)):
        raise ValueError("its output is random")
    return output


def encode(made: RandomModel, task: str) -> dict[str, Tensor]:
    """Return the inputs of the model for the task's example."""
    if task == "image_classification":
        return dict(made.reader(images=PICTURE, return_tensors="pt"))
    texts = dict(INPUTS[task])
    texts.pop(GENERATED.get(task, ""), None)
    if task == "fill_mask":
        texts = {name: text.replace("[MASK]", made.reader.mask_token) for name, text in texts.items()}
    encoded = made.reader(*texts.values(), return_tensors="pt")
    inputs = {name: encoded[name] for name in made.reader.model_input_names if name in encoded}
    if task == "translation":
        start = find_start(made.model)
        inputs["decoder_input_ids"] = torch.tensor([start])
    return inputs


def find_start(model: Any) -> list[int]:
    """Return the first ids of a decoder."""
    start = model.generation_config.decoder_start_token_id
    start = model.config.decoder_start_token_id if start is None else start
    start = model.generation_config.bos_token_id if start is None else start
    return [token for token in (start, model.generation_config.forced_bos_token_id) if token is not None]


@torch.no_grad()
def forward(model: Any, inputs: Mapping[str, Tensor]) -> Any:
    """Run the model's plain forward pass."""
    return model(**inputs)


def read_numbers(output: Any, task: str) -> Tensor:
    """Return the numbers of an output that the task reads. Raises ValueError if it has none."""
    names = ("start_logits", "end_logits") if task == "question_answering" else ("logits",)
    found = [getattr(output, name, None) for name in names]
    if any(not isinstance(one, Tensor) for one in found):
        raise ValueError(f"its output has no {names[0]}")
    return torch.stack([one.float() for one in found])


def check(made: RandomModel, task: str) -> str:
    """Check all facts of a model on a task. Raises Wrong, or what the library raises; returns a remark."""
    before = describe(made.model)
    bundle = Bundle.of(made.model, made.reader)
    request = make_request(task, made)
    try:
        found = explain(request, bundle=bundle)
        plain = make_plain(made, task, found)
        compare(found, plain)
        again = explain(request, bundle=bundle)
        if not (
            np.array_equal(found.scores, again.scores, equal_nan=True) and np.array_equal(found.values, again.values)
        ):
            raise Wrong("two runs differ")
        remark = check_gradients(bundle, task, request, found, plain)
        with bundle.lock:
            _ = bundle.capability
    finally:
        if changed := [name for name, value in describe(made.model).items() if not equal(value, before.get(name))]:
            raise Wrong(f"the model was changed: {changed[0]}")
    return remark


def make_request(task: str, made: RandomModel, method: str = "occlusion") -> Request:
    """Return the request whose explanation is checked."""
    params: dict[str, Any] = {"unit": "logit"}
    if method != "occlusion":
        params |= {"most_passes": PASSES}
    else:
        params |= {"patch": SQUARE} if task == "image_classification" else {"level": "token"}
    if task == "image_classification":
        return Request(task, "random", {"image": PICTURE}, method, Target(index=LABEL), params)
    target = Target()
    if task == "text_classification":
        target = Target(index=LABEL)
    elif task == "token_classification":
        target, params = Target(index=LABEL, position=PLACE), params | {"grouping": "token", "ignored_labels": ""}
    return Request(task, "random", INPUTS[task], method, target, params)


def make_plain(made: RandomModel, task: str, found: Explanation) -> Plain:
    """Return the model's own numbers for what the explanation explains."""
    return make_plain_image(made) if task == "image_classification" else make_plain_text(made, task, found)


def make_plain_image(made: RandomModel) -> Plain:
    """Return the model's own numbers of an image whose squares are hidden by zeros."""
    inputs = encode(made, "image_classification")
    pixels = inputs["pixel_values"]
    rows, columns = (torch.arange(side) // SQUARE for side in pixels.shape[2:])
    squares = (rows[:, None] * (int(columns[-1]) + 1) + columns).expand(pixels.shape[1], -1, -1)

    def run(changed: Tensor) -> Tensor:
        return forward(made.model, inputs | {"pixel_values": changed}).logits[0, [LABEL]]

    return Plain(run, lambda mask: pixels.masked_fill(mask.reshape(pixels.shape), 0.0), squares.flatten())


def make_plain_text(made: RandomModel, task: str, found: Explanation) -> Plain:
    """Return the model's own numbers of a text whose tokens are replaced by the baseline's token."""
    model, reader, inputs = made.model, made.reader, encode(made, task)
    ids = inputs["input_ids"]
    special = torch.tensor(reader.get_special_tokens_mask(ids[0].tolist(), already_has_special_tokens=True)).bool()
    if task == "fill_mask":
        special |= ids[0] == reader.mask_token_id
    start = inputs.pop("decoder_input_ids", ids[:, :0])
    written = torch.tensor([[target.index for target in found.targets]]) if task in GENERATED else ids[:, :0]
    check_written(made, task, found, written)
    row = torch.cat([ids, start, written], dim=1)  # (1, F)
    kept = torch.cat([special, torch.ones(start.shape[1]).bool(), torch.zeros(written.shape[1]).bool()])
    length, blank = ids.shape[1], find_blank(reader, KEPT_OF_LIBRARY.get(task, "pad"))

    def read(changed: Tensor, **positions: Tensor) -> Tensor:
        rest = {name: tensor for name, tensor in inputs.items() if name != "input_ids"} | positions
        if task == "translation":
            both = {"input_ids": changed[:, :length], "decoder_input_ids": changed[:, length:]}
            return read_scores(task, forward(model, rest | both), found, start.shape[1] - 1)
        count = changed.shape[1] - length
        more = {name: torch.cat([own, own[:, -1:].expand(1, count)], dim=1) for name, own in rest.items()}
        return read_scores(task, forward(model, more | {"input_ids": changed}), found, length - 1)

    def read_prefixes(changed: Tensor, **positions: Tensor) -> Tensor:
        ends = range(row.shape[1] - written.shape[1], row.shape[1])
        return torch.stack([read(changed[:, :end], **positions)[-1] for end in ends])

    # A model that sees later tokens generates each from the text before it alone.
    sees_later = task in GENERATED and not torch.allclose(read(row), read_prefixes(row), atol=TOLERANCE)
    run = read_prefixes if sees_later else read

    def list_others() -> list[Tensor]:
        mask = ~kept
        fills = [getattr(reader, f"{name}_token_id", None) for name in ("mask", "unk")]
        scores = [run(row.masked_fill(mask, fill)) for fill in fills if fill is not None]
        for first in (0, blank + 1) if "position_ids" in inspect.signature(model.forward).parameters else ():
            places = torch.arange(first, first + row.shape[1])[None]
            if torch.equal(run(row, position_ids=places), run(row)):  # which are those of the text
                scores.append(run(row.masked_fill(mask, blank), position_ids=places))
        return scores

    groups = torch.arange(row.shape[1]).masked_fill(kept, -1)
    positions = torch.arange(written.shape[1])[:, None] + row.shape[1] - written.shape[1]  # (T, 1)
    visible = torch.arange(row.shape[1]) < positions if task in GENERATED else None
    return Plain(run, lambda mask: row.masked_fill(mask, blank), groups, visible, list_others)


def check_written(made: RandomModel, task: str, found: Explanation, written: Tensor) -> None:
    """Check that the tokens whose scores are explained are those of the text that was given."""
    if task in GENERATED:
        text = made.reader.decode(written[0], skip_special_tokens=True)
        if text.split() != INPUTS[task][GENERATED[task]].split():
            raise Wrong(f"the given text was read as {text!r}")


def find_blank(reader: Any, wanted: str) -> int:
    """Return the id of the baseline's token, by the library's documented order."""
    tokens = (getattr(reader, f"{name}_token_id", None) for name in (wanted, "pad", "eos", "unk"))
    return next(int(token) for token in tokens if token is not None)


def read_scores(task: str, output: Any, found: Explanation, first: int) -> Tensor:
    """Return the explained logits (T,) of an output of the model; `first` is where the first token is predicted."""
    targets = found.targets
    match task:
        case "text_classification":
            return output.logits[0, [LABEL]]
        case "token_classification":
            return output.logits[0, PLACE, [LABEL]]
        case "question_answering":
            start, end = output.start_logits[0, targets[1].position], output.end_logits[0, targets[2].position]
            return torch.stack([start + end, start, end])
        case "fill_mask":
            return torch.stack([output.logits[0, target.position, target.index] for target in targets])
    count = output.logits.shape[1] - first
    return torch.stack([output.logits[0, first + i, target.index] for i, target in enumerate(targets[:count])])


def compare(found: Explanation, plain: Plain) -> None:
    """Compare F(x), F(x') and the score of each hidden feature or square with the model's own numbers."""
    count = len(plain.groups)
    if len(found.features) != count:
        raise Wrong(f"{len(found.features)} features instead of {count}")
    nothing = torch.zeros(count).bool()
    own = plain.run(plain.hide(nothing))  # (T,)
    match("F(x)", found.values, own)
    match("F(x')", found.baselines, plain.run(plain.hide(plain.groups >= 0)))
    falls = torch.zeros(len(own), count)
    for group in range(int(plain.groups.max()) + 1):
        if (mask := plain.groups == group).any():
            falls[:, mask] = (own - plain.run(plain.hide(mask)))[:, None] / mask.sum()
    if float(falls.abs().max()) * (plain.groups == plain.groups.max()).sum() < 1e-3:
        raise Blind("its inputs make no difference")
    if plain.visible is not None:
        match("a later token's influence", np.zeros_like(falls[~plain.visible]), falls[~plain.visible])
        falls[~plain.visible] = torch.nan
    match("occlusion", found.scores, falls, max(1.0, float(own.abs().max())))


def match(fact: str, found: Any, own: Tensor, size: float = 0.0) -> None:
    """Raise Wrong if two arrays differ."""
    expected = own.numpy()
    limit = TOLERANCE * max(1.0, size, float(np.nanmax(np.abs(expected))))
    if np.isnan(found).tolist() != np.isnan(expected).tolist():
        raise Wrong(f"{fact}: other features are visible")
    differences = np.nan_to_num(np.abs(found - expected))
    if differences.max() > limit:
        place = np.unravel_index(differences.argmax(), differences.shape)
        raise Wrong(f"{fact} is {found[place]:.4g} and not {expected[place]:.4g}")


def is_close(found: Any, own: Tensor) -> bool:
    """Return whether two arrays are equal, as `match` sees it."""
    try:
        match("", found, own)
    except Wrong:
        return False
    return True


def check_gradients(bundle: Bundle, task: str, request: Request, occlusion: Explanation, plain: Plain) -> str:
    """Check that integrated gradients converges or says that it does not; return why there is none, if so.

    Its baseline may be another one if a notice says so.
    """
    made = RandomModel(bundle.model, bundle.tokenizer or bundle.processor)
    try:
        found = explain(make_request(task, made, "integrated_gradients"), bundle=bundle)
    except ExplainerError as error:
        return f"no integrated gradients: {error}"
    match("F(x) of integrated gradients", found.values, torch.from_numpy(occlusion.values))
    if not any(re.match("The baseline is|Each token of the baseline", notice) for notice in found.notices):
        match("F(x') of integrated gradients", found.baselines, torch.from_numpy(occlusion.baselines))
    elif not any(is_close(found.baselines, other) for other in plain.list_others()):
        raise Wrong(f"F(x') of integrated gradients is {found.baselines[0]:.4g}, which no baseline has")
    if found.converged is None or found.relative_error is None:
        raise Wrong("integrated gradients does not say whether it converged")
    for converged, error in zip(found.converged, found.relative_error, strict=True):
        if converged and error > CONVERGENCE * 1.1:
            raise Wrong(f"integrated gradients converged with an error of {error:.1%}")
    return ""


def describe(model: Any) -> dict[str, Any]:
    """Return everything of a model that an explanation must leave as it is, by name."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    found: dict[str, Any] = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    found |= {f"{name} requires_grad": weight.requires_grad for name, weight in model.named_parameters()}
    for name, module in model.named_modules():
        found |= {f"{name} training": module.training, f"{name} hooks": len(module._forward_hooks)}
        if config := getattr(module, "config", None):
            found[f"{name} configuration"] = str(config.to_dict()) + str(config._attn_implementation)
    return found


def equal(one: Any, other: Any) -> bool:
    """Return whether two values of `describe` are equal."""
    if isinstance(one, Tensor):
        return (
            isinstance(other, Tensor) and one.shape == other.shape and torch.equal(one.nan_to_num(), other.nan_to_num())
        )
    return bool(one == other)
