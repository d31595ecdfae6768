"""The errors of transformers-interpret. Each is also a ValueError and one of this library's errors."""

from ..errors import BadRequest


class InvalidCall(BadRequest):
    """The arguments of a constructor or a call are invalid, or there was no call yet."""


class AttributionTypeNotSupportedError(InvalidCall, RuntimeError):
    """The explainer does not know this attribution type."""


class AttributionsNotCalculatedError(InvalidCall, RuntimeError):
    """Nothing has been explained yet."""


class InputIdsNotCalculatedError(AttributionsNotCalculatedError):
    """No text has been read yet, so there are no token ids."""
