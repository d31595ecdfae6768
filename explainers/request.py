"""Request: the task, model, method, inputs, target and settings of one explanation, and its permalink."""

import base64
import hashlib
import io
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import BadRequest, LimitReached

Pairs = tuple[tuple[str, str], ...]
INPUT = "in."  # prefix of an input's name in a query
PICTURE = "im."  # prefix of an image's name; its value is the sha256
SHA256 = re.compile(r"[0-9a-f]{64}")
PACKED = "z"  # key of all inputs in one compressed value
EXAMPLES = {"inputs": '{"text": "I love you"}', "params": '{"unit": "logit"}'}
UNPACKED_BYTES = 1_000_000
RESERVED = {"task", "model", "method", "target", "index", "position", "foil", "seed", PACKED}


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
        """Make a Picture from bytes, a Path or a PIL image; the latter is encoded as PNG."""
        if isinstance(given, Path):
            return cls(given.read_bytes())
        if isinstance(given, bytes):
            return cls(given)
        file = io.BytesIO()
        given.save(file, "PNG")
        return cls(file.getvalue())


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

    @classmethod
    def of(cls, value: "Target | str | int | None") -> "Target":
        """Make a Target from a label, an index or None, which stands for the predicted class."""
        match value:
            case Target():
                return value
            case int():
                return cls(index=value)
            case str() if value:
                return cls(label=value)
            case _:
                return cls()


@dataclass(frozen=True)
class Request:
    """Everything that determines an explanation; hashable. It is the cache key, the permalink and a file's header.

    `inputs` and `params` are given as mappings and stored as tuples of pairs, params sorted by name. An input is a
    text or a Picture, which may be given as Path, bytes or PIL image. `target` may be given as a Target, a label, an
    index, or None for the predicted class.
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
        if clash := RESERVED & {name for name, _ in params}:
            raise BadRequest(f"{sorted(clash)[0]!r} is a field of the request, not a setting of its method.")
        if not 0 <= self.seed < 1_000_000_000:
            raise BadRequest(f"The seed {self.seed} is not a whole number from 0 to 999,999,999.")
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "params", params)
        object.__setattr__(self, "target", Target.of(self.target))

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


def _read_input(name: str, given: Any) -> str | Picture:
    if isinstance(given, str | Picture):
        return given
    if isinstance(given, bytes | Path) or hasattr(given, "save"):
        return Picture.of(given)
    raise BadRequest(f"The input {name!r} is neither text nor an image. Give a string, or an image's Path or bytes.")


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
    """Format a setting as text, equal values alike: 1e-3 becomes "0.001"."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value).removesuffix(".0")
        case int() | str():
            return str(value)
        case _:
            raise BadRequest(f"A setting must be text, a number, true or false, not {value!r}.")
