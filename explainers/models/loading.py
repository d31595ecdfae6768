"""Load the model of a Card, with its tokenizer or image processor, as a Bundle that is shared and read-only."""

import logging
import threading
from collections.abc import Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, Literal

import torch
import transformers
from transformers.image_processing_base import ImageProcessingMixin

from ..errors import ExplainerError, Incompatible
from ..progress import Progress, hold_lock, quiet
from ..settings import settings
from .cache import ModelCache
from .card import Card
from .checkpoint_conversion import find_gguf, load_bundled
from .devices import choose_device
from .foreign import adapt_model, needs_adapting, unwrap
from .local import PROCESSOR, FoundModel
from .probes import vision
from .probes.capabilities import Capability, allows_image_batches, probe_image_model, probe_text_model
from .probes.causality import differs_without_cache, looks_ahead
from .probes.embeddings import EmbeddingProbe, count_rows, encode_sample, probe_embeddings
from .resolve import ModelFiles, fetch_files, find_model, is_on_disk
from .sharing import ModelState, find_lock, hold_frozen, undo_changes
from .vocabulary import Vocabulary, read_vocabulary

AUTO: dict[str, str] = {}  # the transformers class that loads the model of each task; tasks/ fills it
Presence = Literal["loaded", "here", "away"]
TOKENIZER = "tokenizer_config.json"
GENERATORS = ("AutoModelForCausalLM", "AutoModelForSeq2SeqLM")
ONE_PASS = frozenset({"layer", "hidden", "attentions", "zeroing"})  # provided if one pass serves all generated tokens
LOOKS_AHEAD = "It sees later tokens too, so each generated token has a pass of its own."
PROBES = ("embeddings", "capability", "largest_batch", "labels", "looks_ahead", "needs_cache")  # found by passes
BUILDING = threading.Lock()  # transformers patches its classes and torch.nn.init while it loads: one model at a time
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()  # we show our own


@dataclass(frozen=True)
class Bundle:
    """A Card with its model, and its tokenizer or image processor. Hold `lock` while running the model.

    A model that we loaded stays in evaluation mode with frozen parameters; one of the caller is so only while it runs.
    `proven` are the kinds of baselines whose score was found to be that of the model's own pass on their ids; None for
    a model of the caller, which may change between two calls.
    """

    card: Card
    model: Any
    tokenizer: Any = None
    processor: Any = None
    state: ModelState | None = field(default=None, repr=False)  # of a model that we loaded, which it always has
    proven: set[Hashable] | None = field(default=None, compare=False)

    @classmethod
    def of(cls, model: Any, reader: Any = None) -> "Bundle":
        """Wrap a loaded model and its tokenizer or image processor; the model is left as it is.

        A pipeline contains both. Raises BadRequest for anything else, in words that name it.
        """
        model, reader = unwrap(model, reader)
        name = model.config.name_or_path or type(model).__name__
        card = Card(name, "folder", (), name, labels=read_labels(model))
        return _make_bundle(card, model, reader)

    @property
    def lock(self) -> threading.Lock:
        """The lock of the model, which all Bundles of the same model share."""
        return find_lock(self.model)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Let us run the model, which is left as it was at the end. Call under its lock."""
        adapted = nullcontext() if self._runs_as_is else adapt_model(self.model)
        with hold_frozen(self.model), adapted, undo_changes(self.model, self.state):
            yield

    @cached_property
    def _runs_as_is(self) -> bool:
        """Whether it is a model that we loaded, so that nobody else changes it, and that needs no adapting."""
        return self.state is not None and not needs_adapting(self.model)

    @cached_property
    def embeddings(self) -> EmbeddingProbe:
        """The embedding modules that the model runs. Hold the lock at the first access."""
        with self.hold():
            return probe_embeddings(self.model, self.tokenizer, self.card.label)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes that the model's head has, counted in a forward pass. Hold the lock at first access.

        A head that was exchanged may have more or fewer than the config names.
        """
        with self.hold(), torch.no_grad():
            if self.processor is not None:
                inputs = {vision.PIXELS: vision.process_sample(self.model, self.processor, self.card.label)}
            else:
                inputs = encode_sample(self.model, self.tokenizer)
            return read_labels(self.model, self.model(**inputs).logits.shape[-1])

    @cached_property
    def largest_batch(self) -> int:
        """The largest batch in which the model reads each input as alone. Hold the lock at the first access."""
        if self.processor is None:
            return self.embeddings.together
        with self.hold():
            return vision.MAX_BATCH if allows_image_batches(self.model, self.processor, self.card.label) else 1

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words that are a single token of the tokenizer."""
        return read_vocabulary(self.tokenizer, count_rows(self.model))

    @cached_property
    def capability(self) -> Capability:
        """What the model provides to methods, and why not the rest. Hold the lock at the first access."""
        with self.hold():
            if self.processor is not None:
                return probe_image_model(self.model, self.processor, self.card.label)
            return probe_text_model(self.model, self.tokenizer, self.embeddings, self.card.label)

    @cached_property
    def looks_ahead(self) -> bool:
        """Whether a model that generates text sees later tokens too. Hold the lock at the first access."""
        with self.hold():
            return looks_ahead(self.model, self.tokenizer)

    @cached_property
    def needs_cache(self) -> bool:
        """Whether a model that generates text has other logits without a cache. Hold the lock at the first access."""
        with self.hold():
            return differs_without_cache(self.model, self.tokenizer)


def _make_bundle(card: Card, model: Any, reader: Any, proven: set[Hashable] | None = None) -> Bundle:
    is_image = isinstance(reader, ImageProcessingMixin)
    return Bundle(card, model, None if is_image else reader, reader if is_image else None, proven=proven)


def read_labels(model: Any, count: int | None = None) -> tuple[str, ...]:
    """Return the names of a model's classes, by index; a class without a name is LABEL_i, as in transformers.

    `count` is the number of classes that the head has, by default as many as the config names.
    """
    given = getattr(model.config, "id2label", None)
    pairs = given.items() if isinstance(given, Mapping) else enumerate(given or ())
    names = {int(key): "" if name is None else str(name) for key, name in pairs if str(key).isdecimal()}
    if count is None:  # PVT has a number of labels and no names
        count = max(names, default=-1) + 1 or getattr(model.config, "num_labels", None) or 0
    return tuple(names.get(i) or f"LABEL_{i}" for i in range(count))


@cache
def model_cache() -> ModelCache[Bundle]:
    """Return the cache of loaded models of this process."""
    return ModelCache[Bundle](settings().model_megabytes * 1_000_000)


def lease(card: Card, progress: Progress = quiet) -> AbstractContextManager[Bundle]:
    """Load the model of a Card, and keep it in memory while in use. Hold its lock while running it."""
    auto = get_auto_class(card)
    find = cache(lambda: find_model(card, auto, progress))
    return model_cache().lease(
        f"{card.key} {auto.__name__}",
        measure=lambda: find().bytes,
        build=lambda: _build(card, find(), auto, progress),
        progress=progress,
    )


def load(card: Card) -> Bundle:
    """Load the shared, read-only model of a Card."""
    with lease(card) as bundle:
        return bundle


def find_loaded(card: Card) -> Bundle | None:
    """Return the Bundle of a Card if it is in memory, else None."""
    return model_cache().peek(f"{card.key} {get_auto_class(card).__name__}")


def locate(card: Card) -> Presence:
    """Return whether the model of a Card is loaded, here (on this machine's disk) or away (still to be downloaded)."""
    if find_loaded(card):
        return "loaded"
    return "here" if is_on_disk(card) else "away"


def get_auto_class(card: Card) -> Any:
    """Return the transformers class that loads this Card's model for its task."""
    return getattr(transformers, AUTO[card.tasks[0]])


def _build(card: Card, found: FoundModel, auto: Any, progress: Progress) -> Bundle:
    device = choose_device(settings().device)
    files = fetch_files(card, found, auto, settings(), progress)
    with hold_lock(BUILDING, progress, "Waiting for another model to load"):
        progress(f"Loading {card.label}", 0.0)
        with torch.inference_mode(False), _translate_errors(card):
            ours = files.adapter
            model = load_bundled(card.wheel, files.folder, ours) if ours else _load_checkpoint(card, files, auto)
            model.set_attn_implementation("eager")  # it returns attention weights; models without it ignore this
            reader = _load_reader(card, files)
            model.eval().requires_grad_(False).to(device)
        with torch.inference_mode(False):
            return _probe(_make_bundle(replace(card, revision=found.commit or card.revision), model, reader, set()))


def _probe(bundle: Bundle) -> Bundle:
    """Narrow the Card to what its model provides, so that pages offer no other method."""
    card, capability = bundle.card, bundle.capability
    provides, reasons = card.provides & capability.provides, capability.reasons
    if AUTO[card.tasks[0]] in GENERATORS and bundle.looks_ahead:
        provides, reasons = provides - ONE_PASS, (*((name, LOOKS_AHEAD) for name in sorted(ONE_PASS)), *reasons)
    assert bundle.largest_batch  # found now, so that no explanation waits for it
    narrowed = replace(card, provides=provides, reasons=tuple(dict(reversed(reasons)).items()))
    found = Bundle(narrowed, bundle.model, bundle.tokenizer, bundle.processor, ModelState(bundle.model), bundle.proven)
    vars(found).update({name: value for name, value in vars(bundle).items() if name in PROBES})
    return found


def _load_reader(card: Card, files: ModelFiles) -> Any:
    """Load the tokenizer or image processor, from our adapter's folder if it has one."""
    name = PROCESSOR if "image_classification" in card.tasks else TOKENIZER
    own = files.adapter is not None and (files.adapter / name).is_file()
    folder = files.adapter if own else files.folder
    if name == PROCESSOR:
        return transformers.AutoImageProcessor.from_pretrained(folder, trust_remote_code=False)
    gguf = find_gguf(files.folder) if files.adapter else {}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **gguf)
    if len(tokenizer) <= len(tokenizer.all_special_ids):  # transformers returns an empty one if it is missing
        raise Incompatible(f"{card.label} has no tokenizer. Save one beside it with save_pretrained.")
    return tokenizer


@contextmanager
def _translate_errors(card: Card) -> Iterator[None]:
    """Translate what transformers and tokenizers raise on foreign files into one error of ours, and log its cause.

    They raise nearly any class, even Exception itself, with local paths in the text.
    """
    try:
        yield
    except (ExplainerError, MemoryError):
        raise
    except Exception as error:
        logging.getLogger(__name__).warning("%s cannot be loaded", card.label, exc_info=error)
        raise Incompatible(
            f"transformers cannot load {card.label} ({type(error).__name__}): its files do not fit each other, or not "
            f"this version, {transformers.__version__}. Try another revision, or save the model anew."
        ) from None


def _load_checkpoint(card: Card, files: ModelFiles, auto: Any) -> Any:
    model, report = auto.from_pretrained(
        files.folder,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=torch.float32,
        return_dict=True,  # whatever the configuration states
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # reported below, by name
    )
    if missing := sorted(report["missing_keys"]):
        raise Incompatible(
            f"{card.label} lacks the weights {missing[0]} that its task needs. "
            "Choose a model that was trained for the task."
        )
    if other := sorted(name for name, *_ in report["mismatched_keys"]):
        raise Incompatible(f"The weights {other[0]} of {card.label} have another shape than its config.json states.")
    return model
