"""Queries whose inputs are packed into one value, short enough for a link and safe in an address.

Knows nothing of what a query means.
"""

import base64
import json
import re
import zlib
from collections.abc import Mapping

from .errors import BadRequest, LimitReached

INPUT = "in."  # prefix of an input's name in a query
PICTURE = "im."  # the same for an image, which a query names by its sha256
SHA256 = re.compile(r"[0-9a-f]{64}")
PACKED = "z"  # all inputs of a query in one compressed value
UNPACKED_BYTES = 1_000_000


def packed(query: Mapping[str, str]) -> dict[str, str]:
    """The query with all its inputs compressed into one value that is safe in an address."""
    inputs = {name: text for name, text in query.items() if name.startswith(INPUT)}
    rest = {name: text for name, text in query.items() if name not in inputs}
    small = zlib.compress(json.dumps(inputs, ensure_ascii=False).encode(), 9)
    return rest | {PACKED: base64.urlsafe_b64encode(small).decode().rstrip("=")}


def unpacked(query: Mapping[str, str]) -> dict[str, str]:
    """The opposite of `packed`; a query that is not packed comes back as it is."""
    rest = {name: text for name, text in query.items() if name != PACKED}
    if PACKED not in query:
        return rest
    inflate = zlib.decompressobj()
    try:
        small = base64.urlsafe_b64decode(query[PACKED] + "=" * (-len(query[PACKED]) % 4))
        text = inflate.decompress(small, UNPACKED_BYTES)
        inputs = json.loads(text) if not inflate.unconsumed_tail else None
    except (ValueError, zlib.error, RecursionError):  # of base64, UTF-8 and JSON
        raise BadRequest("The text in this link is damaged. Ask for the link again, whole.") from None
    if inputs is None:
        raise LimitReached(f"The text in this link is over {UNPACKED_BYTES:,} bytes.")
    if not (isinstance(inputs, dict) and all(isinstance(text, str) for text in inputs.values())):
        raise BadRequest("The text in this link is not what Wherefore writes. Ask for the link again.")
    return rest | {name: text for name, text in inputs.items() if name.startswith(INPUT)}


def whole(name: str, text: str) -> int:
    """The number that a query means. Raises BadRequest for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadRequest(f"The {name} {text[:20]!r} is not a whole number from 0 to 999,999,999.")
    return int(text)


def written(value: object) -> str:
    """A setting as text, the same for equal values: 1e-3 and "0.001" are one setting."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value).removesuffix(".0")
        case int() | str():
            return str(value)
        case _:
            raise BadRequest(f"A setting is text, a number, true or false, not {value!r}.")
