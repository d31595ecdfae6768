"""The errors that users see: each message states what was wrong and what would be right.

Those about the arguments of a call are ValueErrors too, which scripts catch.
"""


class ExplainerError(Exception):
    """The base class of errors whose message is meant for users."""


class BadRequest(ExplainerError, ValueError):
    """The request is invalid: an unknown name, a value out of range, an empty input."""


class NothingGenerated(BadRequest):
    """The model generates no token after this text."""


class LimitReached(ExplainerError, ValueError):
    """The request is valid, but exceeds a limit of this server."""


class Incompatible(ExplainerError, ValueError):
    """The model, method and task do not work together."""


class ModelNotFound(ExplainerError):
    """There is no model of that name, or this server does not offer it."""


class ModelRefused(ExplainerError):
    """The model exists but is not loaded: pickled weights, remote code or no permission."""


class Unreachable(ExplainerError):
    """The model hub or package index does not answer."""


class Mismatch(ExplainerError):
    """The explained score differs from the score of the model's plain forward pass."""


class Busy(ExplainerError):
    """The queue is full."""


class Overdue(ExplainerError):
    """The computation took longer than this server allows and was stopped."""
