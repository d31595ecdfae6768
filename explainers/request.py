"""Request: the task, model, method, inputs, target and settings of one explanation, and its permalink.

A ValidRequest has typed settings, which tasks and methods read.
"""

import base64
import hashlib
import io
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageOps

from .errors import BadRequest, LimitReached
from .registry import Param, Value, list_params, parse_params

T = TypeVar("T")
Pairs = tuple[tuple[str, str], ...]
INPUT = "in."  # prefix of an input's name in a query
PICTURE = "im."  # prefix of an image's name; its value is the sha256
SHA256 = re.compile(r"[0-9a-f]{64}")
SURROGATE = re.compile("[\ud800-\udfff]")  # half of a character in UTF-16, or a byte that is not UTF-8
PACKED = "z"  # key of all inputs in one compressed value
EXAMPLES = {"inputs": '{"text": "I love you"}', "params": '{"unit": "logit"}'}
UNPACKED_BYTES = 1_000_000
RESERVED = {"task", "model", "method", "target", "index", "position", "foil", "seed", PACKED}
PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")  # of PIL images that a PNG file keeps as they are
ALPHA_MODES = ("PA", "La", "RGBa")
# Pillow's plugins raise all of these over damaged files.
WRONG_VALUES = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, struct.error)
DAMAGE = (OSError, EOFError, SyntaxError, RuntimeError, zlib.error, *WRONG_VALUES)


@dataclass(frozen=True)
class Picture:
    """The bytes of an image file. Equality and hash use their sha256; a link contains only the sha256."""

    data: bytes = field(repr=False, compare=False)
    sha256: str = ""

    def __post_init__(self) -> None:
        if self.data:
            object.__setattr__(self, "sha256", hashlib.sha256(self.data).hexdigest())
        if not SHA256.fullmatch(self.sha256):
            raise BadRequest("The image file is empty. Choose another.")

    @classmethod
    def of(cls, given: Any) -> "Picture":
        """Make a Picture from bytes, a file's path, a PIL image, or an array of pixels as transformers reads it.

        A PIL image is turned upright, as transformers' pipeline does. An array (or tensor) holds whole numbers from 0
        to 255 in the shape (rows, columns), (rows, columns, channels) or (channels, rows, columns). Raises BadRequest
        for anything else.
        """
        match given:
            case Picture():
                return given
            case bytes() | bytearray():
                return cls(bytes(given))
            case str() | Path():
                return cls(_read_file(given))
            case Image.Image():
                return cls(_encode_image(given))
        if hasattr(given, "__array__"):
            return cls(_encode_image(_read_array(given)))
        raise BadRequest(
            f"An image cannot be {_shorten(given)}. Give one image: a path, bytes, a PIL image or an array of pixels."
        )


def _read_file(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError for a path with a null character
        why = getattr(error, "strerror", None) or error
        raise BadRequest(f"The image file {str(path)[:200]!r} cannot be read: {why}. Give another path.") from None


def _encode_image(image: Image.Image) -> bytes:
    """Encode a PIL image as it looks upright, without loss: as PNG, or as TIFF if its pixels have 32 bits."""
    if not (image.width and image.height):
        raise BadRequest(f"The image has {image.width} × {image.height} pixels. Give one with at least 1 × 1.")
    file = io.BytesIO()
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I;16"):
            upright = Image.fromarray(np.asarray(upright).astype(np.uint16))
        elif upright.mode in ALPHA_MODES:
            upright = upright.convert("LA" if upright.mode == "La" else "RGBA")
        elif upright.mode not in (*PNG_MODES, "I", "F"):
            upright = upright.convert("RGB")
        upright.save(file, "PNG" if upright.mode in PNG_MODES else "TIFF")
    except DAMAGE as error:
        raise BadRequest(f"Pillow cannot read this image of mode {image.mode}: {error}. Give another.") from None
    return file.getvalue()


def _read_array(given: Any) -> Image.Image:
    """Return an array or a tensor of pixels as a PIL image; its channels may come first or last."""
    where = f"An array of shape {tuple(given.shape)} and type {given.dtype}" if hasattr(given, "dtype") else "This"
    rule = "Give whole numbers from 0 to 255 in the shape (rows, columns) or (rows, columns, 3), or a PIL image."
    if "float" in str(getattr(given, "dtype", "")):
        raise BadRequest(f"{where} is not an image as files have it. {rule}")
    pixels = np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3):  # as infer_channel_dimension_format of transformers
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    is_image = pixels.size and (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4)))
    if not (is_image and np.issubdtype(pixels.dtype, np.integer) and pixels.min() >= 0 and pixels.max() <= 255):
        raise BadRequest(f"{where} is not an image as files have it. {rule}")
    return Image.fromarray(np.ascontiguousarray(pixels, dtype=np.uint8))


@dataclass(frozen=True)
class Target:
    """What is explained: a class by `label` or `index`, at a token `position`, contrasted with `foil` if given.

    `text` is the text at the position: an entity or an answer.
    """

    label: str | None = None
    index: int | None = None
    position: int | None = None
    foil: str | None = None
    probability: float | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        for name in ("label", "foil"):
            _set_plain(self, name, _read_label(name, getattr(self, name)))
        for name in ("index", "position"):
            _set_plain(self, name, _read_whole(f"{name} of the target", getattr(self, name)))

    @classmethod
    def of(cls, value: Any) -> "Target":
        """Make a Target from a label, an index or None, which stands for the predicted class.

        An index may come from numpy or torch. Raises BadRequest for anything else.
        """
        if isinstance(value, Target):
            return value
        if value is None or isinstance(value, str):
            return cls(label=value or None)
        return cls(index=value)


def _set_plain(noun: Any, name: str, value: Any) -> None:
    if value is not getattr(noun, name):
        object.__setattr__(noun, name, value)


def _read_label(name: str, value: Any) -> str | None:
    """Return the name of a class as text; a number becomes the text that stands for it in a config."""
    if value is None or type(value) is str:
        return value
    plain = to_plain(value)
    if isinstance(plain, str | int | float):
        return str(plain)
    raise BadRequest(f"The {name} of the target cannot be {_shorten(value)}. Give the name of one class.")


def _read_whole(name: str, value: Any) -> int | None:
    """Return a whole number of Python, numpy or torch as int; None stays None. Raises BadRequest for anything else."""
    if value is None or type(value) is int:
        return value
    plain = to_plain(value)
    if (isinstance(plain, int) and not isinstance(plain, bool)) or (isinstance(plain, float) and plain.is_integer()):
        return int(plain)
    raise BadRequest(f"The {name} cannot be {_shorten(value)}. Give one whole number.")


def to_plain(value: Any) -> Any:
    """Return a number, text or truth value of numpy or torch, alone or in an array of one element, as Python's own.

    Anything else is returned unchanged. A float has the fewest digits that name it: 0.01 for `np.float32(0.01)`.
    """
    if hasattr(value, "detach"):  # a tensor: torch is not imported here
        value = value.detach().cpu()
        value = np.asarray(value.float() if value.is_floating_point() and value.element_size() < 4 else value)
    if isinstance(value, np.generic | np.ndarray) and value.size == 1:
        item = value.reshape(-1)[0]
        if isinstance(item, np.floating):
            return float(str(item))
        return item.item() if isinstance(item, np.generic) else item
    return value


def _shorten(value: object) -> str:
    """Return what an error message shows of a value."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:60]}…"


@dataclass(frozen=True)
class Request:
    """Everything that determines an explanation; hashable. It is the cache key, the permalink and a file's header.

    `inputs` and `params` are given as mappings and stored as tuples of pairs, params sorted by name. An input is a
    text or a Picture, which may be given as Path, bytes, PIL image or array of pixels. `target` may be given as a
    Target, a label, an index, or None for the predicted class. Numbers may come from numpy or torch.
    """

    task: str
    model: str
    inputs: Mapping[str, Any] | tuple[tuple[str, str | Picture], ...]
    method: str = "integrated_gradients"
    target: Target = field(default_factory=Target)
    params: Mapping[str, object] | Pairs = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("task", "model", "method"):
            if not isinstance(given := getattr(self, name), str):
                how = " To explain a loaded model, give bundle=Bundle.of(model, tokenizer)." if name == "model" else ""
                raise BadRequest(f"The {name} is the name of one, as text, not an object {type(given).__name__}.{how}")
        for name in ("inputs", "params"):
            if not _is_mapping(given := getattr(self, name)):
                raise BadRequest(
                    f"The {name} of a request are a mapping of names, such as {EXAMPLES[name]}, not {given!r:.60}."
                )
        inputs = tuple((str(name), _read_input(str(name), given)) for name, given in dict(self.inputs).items())
        params = tuple(sorted((str(name), format_setting(value)) for name, value in dict(self.params).items()))
        target = Target.of(self.target)
        named = [*inputs, *params, ("model", self.model), ("target", target.label), ("foil", target.foil)]
        for name, text in named:
            if isinstance(text, str):
                _check_unicode(name, text)
        if clash := RESERVED & {name for name, _ in params}:
            raise BadRequest(f"{sorted(clash)[0]!r} is a field of the request, not a setting of its method.")
        seed = _read_whole("seed", self.seed)
        if seed is None or not 0 <= seed < 1_000_000_000:
            raise BadRequest(f"The seed {seed} is not a whole number from 0 to 999,999,999.")
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "params", params)
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "seed", seed)

    @property
    def texts(self) -> dict[str, str]:
        """The text inputs by name."""
        return {name: given for name, given in dict(self.inputs).items() if isinstance(given, str)}

    @property
    def pictures(self) -> dict[str, Picture]:
        """The image inputs by name."""
        return {name: given for name, given in dict(self.inputs).items() if isinstance(given, Picture)}

    @property
    def options(self) -> dict[str, str]:
        """The settings by name, as text."""
        return {name: str(text) for name, text in dict(self.params).items()}

    def to_query(self) -> dict[str, str]:
        """Convert the request to flat text values; empty ones and seed 0 are left out."""
        query = {
            "task": self.task,
            "model": self.model,
            "method": self.method,
            "target": self.target.label or "",
            "index": "" if self.target.index is None else str(self.target.index),
            "position": "" if self.target.position is None else str(self.target.position),
            "foil": self.target.foil or "",
            "seed": str(self.seed) if self.seed else "",
        }
        named = {name: value for name, value in query.items() if value}
        texts = {INPUT + name: text for name, text in self.texts.items()}
        return named | self.options | texts | {PICTURE + name: image.sha256 for name, image in self.pictures.items()}

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Request":
        """Read a request from the output of `to_query`, packed or not; a Picture has no bytes then.

        Raises BadRequest for a query that is not valid.
        """
        query = unpack(query)
        texts = {name[len(INPUT) :]: text for name, text in query.items() if name.startswith(INPUT)}
        images = {name[len(PICTURE) :]: Picture(b"", text) for name, text in query.items() if name.startswith(PICTURE)}
        return cls(
            task=query.get("task", ""),
            model=query.get("model", ""),
            method=query.get("method", cls.method),
            inputs=texts | images,
            target=Target(
                label=query.get("target") or None,
                index=parse_count("index", query["index"]) if query.get("index") else None,
                position=parse_count("position", query["position"]) if query.get("position") else None,
                foil=query.get("foil") or None,
            ),
            params={k: v for k, v in query.items() if k not in RESERVED and not k.startswith((INPUT, PICTURE))},
            seed=parse_count("seed", query.get("seed") or "0"),
        )


def _is_mapping(given: object) -> bool:
    """Return whether `given` is a mapping, or pairs of a name and a value as a Request stores them."""
    return isinstance(given, Mapping) or (
        isinstance(given, tuple | list) and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in given)
    )


@dataclass(frozen=True, kw_only=True)
class ValidRequest(Request):
    """A Request whose settings have been checked and parsed; `known` are the settings that it may have.

    `values` holds every known setting by name, with its default if the request does not name it. A copy with other
    `params` is checked and parsed anew. Raises BadRequest for an unknown setting or a value that is not allowed.
    """

    owner: str  # of the settings, for messages
    known: tuple[Param, ...] = field(repr=False)
    values: Mapping[str, Value] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "values", parse_params(self.owner, self.known, self.options))

    @classmethod
    def check(cls, request: Request, owner: str, known: tuple[Param, ...]) -> "ValidRequest":
        """Check and parse the settings of a request."""
        return cls(**_get_fields(request), owner=owner, known=known)

    def to_request(self) -> Request:
        """Return the Request alone, which is equal to other Requests with the same fields."""
        return Request(**_get_fields(self))

    def read(self, kind: Callable[..., T]) -> T:
        """Make an instance of the dataclass `kind` from the values of its fields."""
        return kind(**self.select(list_params(kind)))

    def select(self, params: Iterable[Param]) -> dict[str, Value]:
        """Return the values of these settings by name."""
        return {param.name: self.values[param.name] for param in params}


def _get_fields(request: Request) -> dict[str, Any]:
    return {field.name: getattr(request, field.name) for field in fields(Request)}


def _read_input(name: str, given: Any) -> str | Picture:
    if isinstance(given, str):  # also a path: a text of a link must not open a file
        return str(given)
    if isinstance(given, Picture | bytes | bytearray | Path | Image.Image) or hasattr(given, "__array__"):
        return Picture.of(given)
    raise BadRequest(
        f"The input {name!r} is neither text nor an image, but {_shorten(given)}. Give one string, or one image as "
        "Path, bytes, PIL image or array of pixels."
    )


def _check_unicode(name: str, text: str) -> None:
    """Raise BadRequest for a text with surrogates, which no tokenizer, file or page can encode."""
    if found := SURROGATE.search(text):
        raise BadRequest(
            f"Character {found.start() + 1:,} of the {name} is U+{ord(found.group()):04X}, half of a surrogate pair, "
            "which is no character: a damaged emoji, or a byte that is not UTF-8. Delete or replace it."
        )


def pack(query: Mapping[str, str]) -> dict[str, str]:
    """Compress all text inputs of a query into one URL-safe value."""
    inputs = {name: text for name, text in query.items() if name.startswith(INPUT)}
    rest = {name: text for name, text in query.items() if name not in inputs}
    small = zlib.compress(json.dumps(inputs, ensure_ascii=False).encode(), 9)
    return rest | {PACKED: base64.urlsafe_b64encode(small).decode().rstrip("=")}


def unpack(query: Mapping[str, str]) -> dict[str, str]:
    """Reverse `pack`; a query that is not packed is returned unchanged."""
    rest = {name: text for name, text in query.items() if name != PACKED}
    if PACKED not in query:
        return rest
    inflate = zlib.decompressobj()
    try:
        small = base64.urlsafe_b64decode(query[PACKED] + "=" * (-len(query[PACKED]) % 4))
        text = inflate.decompress(small, UNPACKED_BYTES)
        inputs = json.loads(text) if not inflate.unconsumed_tail else None
    except (ValueError, zlib.error, RecursionError):  # of base64, UTF-8 and JSON
        raise BadRequest("The text in this link is damaged. Copy the whole link again.") from None
    if inputs is None:
        raise LimitReached(f"The text in this link has more than {UNPACKED_BYTES:,} bytes.")
    if not (isinstance(inputs, dict) and all(isinstance(text, str) for text in inputs.values())):
        raise BadRequest("The text in this link is not in Wherefore's format. Copy the whole link again.")
    return rest | {name: text for name, text in inputs.items() if name.startswith(INPUT)}


def parse_count(name: str, text: str) -> int:
    """Parse a whole number of a query. Raises BadRequest for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadRequest(f"The {name} {text[:20]!r} is not a whole number from 0 to 999,999,999.")
    return int(text)


def format_setting(value: object) -> str:
    """Format a setting as text, equal values alike: 1e-3 becomes "0.001", also if it comes from numpy or torch."""
    match to_plain(value):
        case bool() as plain:
            return "true" if plain else "false"
        case float() as plain:
            return repr(plain).removesuffix(".0")
        case int() | str() as plain:
            return str(plain)
        case _:
            raise BadRequest(f"A setting must be text, a number, true or false, not {_shorten(value)}.")
