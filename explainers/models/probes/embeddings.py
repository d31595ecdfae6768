"""Find and hook the embedding modules that a text model runs, by watching one short forward pass."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ...errors import Incompatible
from ..devices import call_module
from .configuration import find_text_config
from .fences import fence_forward, fence_tokenizer
from .repeatability import allows_batches

MAX_TOKENS = 8_192  # for a model that states no limit
SAMPLE = "Why did it say that?"
BATCH_FLOPS = 7e10  # about half a second on two cores: a cancelled run stops after the batch that it is in
HALVES = (torch.float16, torch.bfloat16)
BLOCK = 8_192  # rows of a table that are read at once
TOLERANCE = 1e-4  # absolute and relative, between two ways of computing the same output
UNHOOKED = "It reads its tokens in a way that Captum cannot hook: by one module twice, or together with others."
MOST_WRAPPERS = 4  # modules around an embedding layer that may be adapters of it


def widen(tensor: Tensor) -> Tensor:
    """Convert a tensor of half precision to float32, in which we compute; others stay as they are."""
    return tensor.float() if tensor.dtype in HALVES else tensor


@dataclass(frozen=True)
class Table:
    """The embeddings (V, D) of all V ids: what the modules return for an id, side by side.

    They are computed when indexed, because a module may scale its weights or add an adapter's.
    """

    modules: tuple[torch.nn.Module, ...]

    def __len__(self) -> int:
        return min(map(_count_rows, self.modules))

    def __getitem__(self, ids: slice | Tensor) -> Tensor:
        wanted = torch.arange(*ids.indices(len(self))) if isinstance(ids, slice) else ids
        blocks = [look_up(module, wanted) for module in self.modules]
        return blocks[0] if len(blocks) == 1 else torch.cat(blocks, dim=-1)

    def blocks(self) -> Iterator[Tensor]:
        """Iterate over all rows in blocks (N, D), because a copy of a whole vocabulary is large."""
        return (self[first : first + BLOCK] for first in range(0, len(self), BLOCK))


@dataclass(frozen=True)
class Call:
    """A call of a module in a forward pass, with the ids (1, F) that it got; `alone` if it got nothing else."""

    module: torch.nn.Module
    ids: Tensor
    alone: bool = True

    def first(self, length: int) -> "Embedding":
        """Return the embeddings of the first `length` ids: Longformer pads its input at the end."""
        ids = self.ids.reshape(1, -1)[:, :length]
        return Embedding(ids, (Reader(self.module, ids[0]),))


@dataclass(frozen=True, eq=False)
class Reader:
    """A call of an embedding module that reads the `ids` (N,) of the features from number `first` on.

    They begin in the call after `shift` other ids: a decoder may read the text again behind its first token. What the
    module returns for them are the numbers of the features' embeddings (D,) from `column` on. `batch` is the dimension
    of the batch in what it gets and returns.
    """

    module: torch.nn.Module
    ids: Tensor
    first: int = 0
    shift: int = 0
    column: int = 0
    batch: int = 0

    @property
    def rows(self) -> slice:
        """The rows of the module's output that belong to features."""
        return slice(self.shift, self.shift + len(self.ids))

    @property
    def places(self) -> slice:
        """The features that it reads."""
        return slice(self.first, self.first + len(self.ids))

    def find_batch(self, ids: Tensor) -> int | None:
        """Return the dimension of the batch in a call with `ids`; None if the call is another one."""
        if reads(ids, self.ids, self.shift):
            return 0
        return 1 if ids.ndim == 2 and reads(ids.T, self.ids, self.shift) else None  # XLNet has its batch behind

    def replace(self, own: Any, rows: Tensor, batch: int) -> Any:
        """Return the module's `own` output with `rows` (B, N, D) in the places of the features."""
        if isinstance(own, tuple):  # I-BERT adds a scale
            return (self.replace(own[0], rows, batch), *own[1:])
        if batch:
            return self.replace(own.transpose(0, 1), rows, 0).transpose(0, 1)
        if self.shift == 0 and own.shape[-2] == len(self.ids):
            return rows
        own = own.expand(*rows.shape[:-2], *own.shape[-2:])
        return torch.cat([own[..., : self.shift, :], rows, own[..., self.rows.stop :, :]], dim=-2)


@dataclass(frozen=True, eq=False)
class Embedding:
    """The embeddings (1, F, D) of F features, and the calls of modules that read the features' `ids` (1, F).

    If several modules return the same for an id (a decoder shares the table of its encoder), D is the width of one;
    other modules' outputs lie beside each other in D.
    """

    ids: Tensor
    readers: tuple[Reader, ...]
    others: bool = field(default=False, kw_only=True)  # whether the modules get other ids too, as those of padding

    def of(self, ids: Tensor) -> Tensor:
        """Look up the embeddings (1, F, D) of ids (1, F)."""
        own = look_up(self.readers[0].module, ids[:, self.readers[0].places])
        if len(self.readers) == 1 and own.shape[1] == ids.shape[1]:
            return own
        whole = own.new_zeros(1, ids.shape[1], self.width)
        for reader in self.readers:
            rows = look_up(reader.module, ids[:, reader.places])
            whole[:, reader.places, reader.column : reader.column + rows.shape[-1]] = rows
        return whole

    @cached_property
    def width(self) -> int:
        """The width D of a feature's embedding."""
        return max(reader.column + self._measure_width(reader) for reader in self.readers)

    def _measure_width(self, reader: Reader) -> int:
        return look_up(reader.module, reader.ids[:1]).shape[-1]

    @property
    def can_be_hooked(self) -> bool:
        """Whether other code can replace the modules' outputs: each reads the text once, and returns (B, N, D)."""
        modules = {reader.module for reader in self.readers}
        if (
            self.others
            or len(modules) < len(self.readers)
            or any(reader.first or reader.batch for reader in self.readers)
        ):
            return False
        with torch.no_grad():
            return all(isinstance(call_module(module, self.ids[:, :1]), Tensor) for module in modules)

    @cached_property
    def table(self) -> Table | None:
        """The embeddings of all ids, or None if an id has different ones for different features."""
        by_column: dict[int, list[torch.nn.Module]] = {}
        for reader in self.readers:
            by_column.setdefault(reader.column, []).append(reader.module)
        if any(not _are_equal(modules[0], other) for modules in by_column.values() for other in modules[1:]):
            return None
        return Table(tuple(by_column[column][0] for column in sorted(by_column)))

    def average(self) -> Tensor:
        """Repeat the mean embedding of its table for each token, (F, D)."""
        means = {module: _average(Table((module,))) for module in {reader.module: None for reader in self.readers}}
        whole = next(iter(means.values())).new_zeros(self.ids.shape[-1], self.width)
        for reader in self.readers:
            mean = means[reader.module]
            whole[reader.places, reader.column : reader.column + len(mean)] = mean
        return whole

    @contextmanager
    def replace_output(self, output: Tensor) -> Iterator[None]:
        """Return `output` (B, F, D) in place of the modules' own outputs. Call under the model's lock."""
        left = list(self.readers)

        def hook(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], own: Any) -> Any:
            if (ids := read_ids(args, kwargs)) is None:
                return None
            for reader in left:
                if reader.module is module and (batch := reader.find_batch(ids)) is not None:
                    left.remove(reader)
                    return reader.replace(own, self._select(output, reader, own), batch)
            return None  # called with other ids

        modules = {reader.module: None for reader in self.readers}
        handles = [module.register_forward_hook(hook, with_kwargs=True) for module in modules]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
        if left:
            raise Incompatible("The model did not call its embedding layer as it does for plain text.")

    def _select(self, output: Tensor, reader: Reader, own: Any) -> Tensor:
        """Return the part of `output` (B, F, D) that takes the place of what a reader's module returns."""
        own = own[0] if isinstance(own, tuple) else own
        width, output = own.shape[-1], output.to(own)
        if len(reader.ids) == output.shape[1] and width == output.shape[2]:
            return output
        return output[:, reader.places, reader.column : reader.column + width]


@dataclass(frozen=True, eq=False, kw_only=True)
class SumEmbedding(Embedding):
    """A call of the module that adds word, position and type embeddings, its only reader, with the call's arguments.

    `word` is the table of words in it. The ids of another text are all at the first position and of the first type.
    """

    word: torch.nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    can_be_hooked = True
    table = None

    def of(self, ids: Tensor) -> Tensor:
        """Compute the sum (1, F, D) for ids (1, F)."""
        with torch.no_grad(), self.place(ids):
            return widen(self.readers[0].module(*self.args, **self.kwargs)[:, : ids.shape[-1]])

    @contextmanager
    def place(self, ids: Tensor) -> Iterator[None]:
        """Call the module with ids (B, F), at the first position and of the first type unless they are the own."""

        def replace_ids(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if (own := read_ids(args, kwargs)) is None:
                return None
            if module is self.word:
                return (torch.cat([ids, own[..., ids.shape[-1] :]], dim=-1),), {}
            return (torch.full_like(own, int(own.flatten()[0])),), {}

        parts = self.readers[0].module.modules()
        tables = [part for part in parts if isinstance(part, torch.nn.Embedding) or part is self.word]
        others = [] if torch.equal(ids, self.ids.expand_as(ids)) else tables
        handles = [table.register_forward_pre_hook(replace_ids, with_kwargs=True) for table in others]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def average(self) -> Tensor:
        """Raise Incompatible: there is no table whose mean could be taken."""
        raise Incompatible("The sum of all embeddings has no mean. Set Baseline to pad, mask, unk, zeros or text.")

    @contextmanager
    def replace_output(self, output: Tensor) -> Iterator[None]:
        """Return `output` (B, F, D) in place of the module's own output. Call under the model's lock."""

        def hook(module: torch.nn.Module, args: tuple[Any, ...], own: Tensor) -> Tensor:
            rest = own[:, output.shape[1] :].expand(len(output), -1, -1)
            return torch.cat([output.to(own.dtype), rest], dim=1)

        handle = self.readers[0].module.register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()


def watch_sum(
    module: torch.nn.Module, word: torch.nn.Module, ids: Tensor, run: Callable[[], Any]
) -> tuple[Any, SumEmbedding]:
    """Return what `run` returns without gradients, and the SumEmbedding of `module` for the text with `ids` (1, F)."""
    arguments: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    handle = module.register_forward_pre_hook(
        lambda _, args, kwargs: arguments.append((args, kwargs)), with_kwargs=True
    )
    try:
        with torch.no_grad():
            output = run()
    finally:
        handle.remove()
    (args, kwargs), reader = arguments[0], Reader(module, ids[0])
    return output, SumEmbedding(ids, (reader,), word=word, args=args, kwargs=kwargs)


@dataclass(frozen=True)
class EmbeddingProbe:
    """The embedding modules that a text model runs, its token limit, and what a batch of it costs.

    `tables` are the modules that get the tokens' ids. `only_ids` is the reason why the model must be run on ids, or
    empty: its output is not that of other ids if `tables` return their embeddings.
    """

    word: torch.nn.Module | None  # None if there are no `tables`
    position: torch.nn.Module | None  # None if positions have no table
    longest: int  # tokens
    weights: int  # number of parameters without embedding tables
    together: int = 64  # largest batch that the model accepts
    decoder: torch.nn.Module | None = None  # of the generated tokens, in an encoder-decoder model
    all: torch.nn.Module | None = None  # adds the embeddings of word, position and type; None if no module does that
    tables: tuple[torch.nn.Module, ...] = ()
    only_ids: str = ""
    rows: int = 0  # ids that have an embedding
    width: int = 64  # of an embedding

    def batch(self, length: int) -> int:
        """Return the batch size for inputs of `length` tokens."""
        return max(1, min(self.together, int(BATCH_FLOPS / (2 * max(self.weights, 1) * length))))

    def watch(self, parts: Sequence[Tensor], run: Callable[[], Any]) -> tuple[Any, Embedding]:
        """Return what `run` returns, and the embeddings of `parts`, without readers if the model must be run on ids.

        The parts are the ids (1, N) of a text, and those that an encoder-decoder model has written for it, if any.
        """
        output, calls = watch_calls(() if self.only_ids else self.tables, run)
        return output, find_readers(calls, parts)


def look_up(module: torch.nn.Module, ids: Tensor) -> Tensor:
    """Return what an embedding module on any device returns for ids (…), (…, D), in float32 or higher on the CPU."""
    with torch.no_grad():
        output = call_module(module, ids)
    return widen(output[0] if isinstance(output, tuple) else output).cpu()


def read_ids(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    """Return the ids that an embedding module was called with; None if it got only a shape (Marian's positions)."""
    ids = args[0] if args else next(iter(kwargs.values()), None)
    return ids.cpu() if isinstance(ids, Tensor) and not ids.is_floating_point() else None


def reads(ids: Tensor, own: Tensor, shift: int = 0) -> bool:
    """Return whether each row of `ids` (…, N) is `own` (F,) after `shift` ids, followed at most by one repeated id."""
    end = shift + own.shape[-1]
    if ids.shape[-1] < end or not bool((ids[..., shift:end] == own).all()):
        return False
    rest = ids[..., end:]  # padding
    return rest.numel() == 0 or bool((rest == rest.flatten()[0]).all())


def watch_calls(modules: Iterable[torch.nn.Module], run: Callable[[], Any]) -> tuple[Any, list[Call]]:
    """Return what `run` returns without gradients, and the calls of the modules with ids, in order."""
    calls: list[Call] = []

    def record(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if (ids := read_ids(args, kwargs)) is not None:
            calls.append(Call(module, ids.detach().clone(), len(args) + len(kwargs) == 1))

    handles = [module.register_forward_pre_hook(record, with_kwargs=True) for module in dict.fromkeys(modules)]
    try:
        with torch.no_grad():
            return run(), calls
    finally:
        for handle in handles:
            handle.remove()


def watch_outputs(modules: Iterable[torch.nn.Module], run: Callable[[], Any]) -> tuple[Any, dict[Any, Any]]:
    """Return what `run` returns, and the last output of each of the modules that ran."""
    outputs: dict[torch.nn.Module, Any] = {}
    handles = [module.register_forward_hook(lambda m, _, output: outputs.update({m: output})) for module in modules]
    try:
        return run(), outputs
    finally:
        for handle in handles:
            handle.remove()


def find_readers(calls: Sequence[Call], parts: Sequence[Tensor]) -> Embedding:
    """Find the calls that read one of `parts`, ids (1, N) each, as Embedding of all; none if one is unread."""
    starts = [sum(part.shape[-1] for part in parts[:i]) for i in range(len(parts))]
    shifts = (0, 1) if len(parts) == 1 else (0,)  # a decoder reads what it has written, or else the text, shifted
    readers: list[Reader] = []
    modules: list[torch.nn.Module] = []  # of the calls that read something else
    for call in calls:
        found = [
            reader
            for part, start in zip(parts, starts, strict=True)
            for shift in shifts
            if part.shape[-1] > shift
            for reader in (Reader(call.module, part[0, : part.shape[-1] - shift], start, shift),)
            if reader.find_batch(call.ids) is not None
        ]
        read = {reader.first for reader in readers}
        if found:  # an encoder's call comes before its decoder's with the same ids
            new = next((reader for reader in found if reader.first not in read), found[0])
            readers.append(replace(new, column=_find_column(new, readers), batch=new.find_batch(call.ids) or 0))
        else:
            modules.append(call.module)
    if {reader.first for reader in readers} != set(starts):
        readers = []
    others = any(reader.module is module for reader in readers for module in modules)
    return Embedding(torch.cat(list(parts), dim=-1), tuple(readers), others=others)


def _find_column(new: Reader, readers: Sequence[Reader]) -> int:
    """Return where in D the output of a further reader lies: with others that return the same, or behind them all."""
    columns: dict[int, list[Reader]] = {}
    for reader in readers:
        columns.setdefault(reader.column, []).append(reader)
    for column, others in columns.items():
        if all(_fit_together(new, other) for other in others):
            return column
    return max((reader.column + look_up(reader.module, reader.ids[:1]).shape[-1] for reader in readers), default=0)


def _fit_together(one: Reader, other: Reader) -> bool:
    """Return whether two readers return the same for the features that both read, or read different ones."""
    if one.module is other.module:
        return True
    start, end = max(one.first, other.first), min(one.places.stop, other.places.stop)
    ids = one.ids[start - one.first : end - one.first] if end > start else one.ids[:1]
    rows = [look_up(reader.module, ids) for reader in (one, other)]
    return rows[0].shape == rows[1].shape and (end <= start or torch.equal(*rows))


def _are_equal(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    """Return whether two embedding modules return the same for every id."""
    if one is other:
        return True
    tables = Table((one,)), Table((other,))
    return len(tables[0]) == len(tables[1]) and all(map(torch.equal, tables[0].blocks(), tables[1].blocks()))


def _average(table: Table) -> Tensor:
    """Return the mean embedding of a table, (D,)."""
    total = torch.stack([block.double().sum(0) for block in table.blocks()]).sum(0)
    return (total / len(table)).to(table[:1].dtype)


def _count_rows(module: torch.nn.Module) -> int:
    """Return how many ids an embedding module has rows for; an adapter has those of the module that it wraps."""
    weight = getattr(module, "weight", None)
    if isinstance(weight, Tensor):
        return len(weight)
    return max(len(own) for part in module.modules() if isinstance(own := getattr(part, "weight", None), Tensor))


def count_rows(model: Any) -> float:
    """Return the number of ids that a model has embeddings for, infinity if that is not known."""
    try:
        table = model.get_input_embeddings()
    except (AttributeError, NotImplementedError):  # no transformers model, or one without a single table
        return math.inf
    return table.num_embeddings if isinstance(table, torch.nn.Embedding) else math.inf


def check_rows(model: Any, tokenizer: Any, ids: list[int], label: str) -> None:
    """Raise Incompatible if the model has no embedding for one of the ids."""
    if (beyond := max(ids, default=0)) >= (count := count_rows(model)):
        token = tokenizer.convert_ids_to_tokens(beyond)
        raise Incompatible(
            f"The token {token!r} has the id {beyond}, and {label} has embeddings for the ids 0 to {count - 1} only. "
            "Use the tokenizer that it was trained with, or resize_token_embeddings and train it."
        )


def encode_sample(model: Any, tokenizer: Any) -> dict[str, Tensor]:
    """Encode a short text (two for question answering), with a few decoder tokens for an encoder-decoder model."""
    texts = (SAMPLE, "It read that.") if "QuestionAnswering" in type(model).__name__ else (SAMPLE,)
    encoded = tokenizer(*texts, return_tensors="pt")
    inputs = {name: encoded[name] for name in tokenizer.model_input_names if name in encoded}
    if getattr(model.config, "is_encoder_decoder", False) and getattr(model, "can_generate", bool)():
        start = model.config.decoder_start_token_id or 0
        written = inputs["input_ids"][:, :2] % _count_outputs(model)
        inputs["decoder_input_ids"] = torch.cat([torch.full_like(written[:, :1], start), written], dim=1)
    return inputs


def _count_outputs(model: Any) -> int:
    """Return the size of the vocabulary that a model generates, which may be smaller than that of its source."""
    return len(getattr(model.get_output_embeddings(), "weight", ())) or int(find_text_config(model).vocab_size)


def probe_embeddings(model: torch.nn.Module, tokenizer: Any, label: str) -> EmbeddingProbe:
    """Find the embedding modules of a loaded text model. Raises Incompatible if its passes on one input differ."""
    with fence_tokenizer(label):
        inputs = encode_sample(model, tokenizer)
    check_rows(model, tokenizer, inputs["input_ids"][0].tolist(), label)
    around = [module for module in model.modules() if any(True for _ in module.children())]
    with fence_forward(label):
        (output, calls), outputs = watch_outputs(around, lambda: watch_calls(model.modules(), lambda: model(**inputs)))
    ids = inputs["input_ids"]
    tables, only_ids = _find_tables(model, tokenizer, inputs, calls)
    word = tables[0] if tables else None
    layers = [module for module in model.modules() if isinstance(module, torch.nn.Embedding)]
    inside = {module for table in tables for module in table.modules()}
    own = [call for call in calls if hasattr(call.module, "weight") and call.module not in inside]
    position = next((call for call in own if _count_up(call.ids, ids.shape[-1])), None)
    first = int(position.ids.flatten()[0]) if position else None
    return EmbeddingProbe(
        word=word,
        position=position.module if position else None,
        longest=_find_token_limit(model, tokenizer, position, first or 0),
        weights=max(0, sum(p.numel() for p in model.parameters()) - sum(layer.weight.numel() for layer in layers)),
        together=EmbeddingProbe.together if _allows_batches(model, inputs, output, label) else 1,
        decoder=_find_decoder(model, calls, word, inputs),
        all=None if only_ids else _find_sum(outputs, word),
        tables=tables,
        only_ids=only_ids,
        rows=_count_rows(word) if word else len(tokenizer),
        width=look_up(word, ids).shape[-1] if word else getattr(model.config, "hidden_size", EmbeddingProbe.width),
    )


def _find_sum(outputs: Mapping[torch.nn.Module, Any], word: torch.nn.Module | None) -> torch.nn.Module | None:
    """Find the module around the table of words that returns one tensor of embeddings, (1, F, D)."""
    module = next((around for around in outputs if any(child is word for child in around.children())), None)
    output = None if module is None else outputs[module]
    return module if isinstance(output, Tensor) and output.ndim == 3 else None


def _find_tables(
    model: Any, tokenizer: Any, inputs: dict[str, Tensor], calls: Sequence[Call]
) -> tuple[tuple[torch.nn.Module, ...], str]:
    """Find the modules that get the tokens' ids, and why it is not enough to replace what they return, if it is not.

    They are the innermost ones, or else the modules around them: an adapter reads the ids once more.
    """
    names = [name for name in ("input_ids", "decoder_input_ids") if name in inputs]
    parts = [inputs[name] for name in names]
    levels = [call for call in calls if call.alone and _is_lookup(call, parts)]
    found: tuple[torch.nn.Module, ...] = ()
    for level in range(MOST_WRAPPERS):
        tables = _select_level([call.module for call in levels], level)
        embedding = find_readers([call for call in levels if call.module in tables], parts)
        if not embedding.readers or tables == found:
            break
        found = tables
        others = _choose_other_ids(tokenizer, embedding)
        changed = dict(zip(names, torch.split(others, [part.shape[-1] for part in parts], dim=-1), strict=True))
        with torch.no_grad():
            plain = model(**inputs | changed)[0]
            with embedding.replace_output(embedding.of(others)):
                replaced = model(**inputs)[0]
        if torch.allclose(plain, replaced, atol=TOLERANCE, rtol=TOLERANCE):
            return tables, ""
    if not found:
        return (), "It has no embedding layer that gets the tokenizer's ids, so only these can be changed."
    return found, "It does more with the ids of its tokens than to look up embeddings, so only these can be changed."


def _is_lookup(call: Call, parts: Sequence[Tensor]) -> bool:
    """Return whether a call reads one of `parts` (1, N), and returns an embedding for each id alone."""
    part = next((part for part in parts if find_readers([call], [part]).readers), None)
    if part is None:
        return False
    with torch.no_grad():
        rows, turned = (call_module(call.module, ids) for ids in (part, part.flip(-1)))
    rows, turned = (output[0] if isinstance(output, tuple) else output for output in (rows, turned))
    return (
        isinstance(rows, Tensor)
        and rows.is_floating_point()
        and rows.shape[:-1] == part.shape
        and torch.allclose(rows.flip(-2), turned, atol=TOLERANCE)  # a table of positions does not follow the ids
    )


def _select_level(modules: Sequence[torch.nn.Module], level: int) -> tuple[torch.nn.Module, ...]:
    """Return the innermost of the modules, or those that are `level` of the modules further out, if there are any."""
    modules = list(dict.fromkeys(modules))
    inner = [one for one in modules if not any(one is not other and _contains(one, other) for other in modules)]
    around = [sorted((other for other in modules if _contains(other, one)), key=_count_modules) for one in inner]
    return tuple(dict.fromkeys(chain[min(level, len(chain) - 1)] for chain in around))


def _contains(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return any(module is other for module in one.modules())


def _count_modules(module: torch.nn.Module) -> int:
    return sum(1 for _ in module.modules())


def _choose_other_ids(tokenizer: Any, embedding: Embedding) -> Tensor:
    """Return ids (1, F) of other tokens from all over the vocabulary; special tokens stay."""
    special = set(getattr(tokenizer, "all_special_ids", ()))
    rows = min(_count_rows(reader.module) for reader in embedding.readers)  # a decoder's table may be smaller
    usual = [i for i in range(rows) if i not in special] or [0]
    own = embedding.ids[0].tolist()
    others = [usual[(i + 1) * (len(usual) - 1) // (len(own) + 1)] for i in range(len(own))]
    return torch.tensor([[token if token in special else other for token, other in zip(own, others, strict=True)]])


def _find_decoder(
    model: Any, calls: list[Call], word: torch.nn.Module | None, inputs: Mapping[str, Tensor]
) -> torch.nn.Module | None:
    """Find a decoder's word embedding: the table that got its ids, or the last like `word` that got other ids."""
    if not getattr(model.config, "is_encoder_decoder", False) or word is None:
        return None
    written, rows = inputs.get("decoder_input_ids"), _count_rows(word)
    tables = [call for call in calls if isinstance(call.module, torch.nn.Embedding)]
    if written is not None and (own := next((call for call in tables if torch.equal(call.ids, written)), None)):
        return own.module
    others = (call.module for call in reversed(calls) if not reads(call.ids, inputs["input_ids"][0]))
    return next((module for module in others if getattr(module, "num_embeddings", 0) == rows), None)


def _allows_batches(model: Any, inputs: dict[str, Tensor], output: Any, label: str) -> bool:
    """Return whether the model accepts a batch, and reads each of its rows as alone. Raises Incompatible if random."""
    return allows_batches(model, lambda rows: model(**rows)[0], inputs, output[0], label) and not _needs_pads(
        model, output
    )


def _needs_pads(model: Any, output: Any) -> bool:
    """Return whether a classifier finds the last token by padding but has no pad token: GPT-2 then refuses a batch."""
    logits: Tensor | None = getattr(output, "logits", None)
    return getattr(model.config, "pad_token_id", None) is None and logits is not None and logits.dim() == 2


def _count_up(ids: Tensor, length: int) -> bool:
    """Return whether a single row of ids goes up by one for each token, apart from padding."""
    row = ids.flatten()
    if ids.shape[-1] != len(row) or len(row) < length or length < 2:
        return False
    return bool((row[:length].diff() == 1).all() and (row[length:] == row[-1]).all())


def _find_token_limit(model: Any, tokenizer: Any, position: Call | None, first: int) -> int:
    """Find how many tokens tokenizer and positions accept. RoBERTa never uses the first rows of its position table."""
    if position is not None:
        rows: Any = position.module.weight
        limit = len(rows) - first
    else:
        limit = getattr(find_text_config(model), "max_position_embeddings", None) or MAX_TOKENS
        limit = limit if limit > 0 else MAX_TOKENS  # XLNet states -1
    own = tokenizer.model_max_length or MAX_TOKENS  # 0 or None states nothing
    return int(min(own, limit, MAX_TOKENS))
