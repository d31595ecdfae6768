"""What can go wrong for a person who asks for an explanation, each with what would be right.

Knows nothing else of ours.
"""


class ExplainerError(Exception):
    """Any error that a visitor may read: its message says what was wrong and what to do."""


class BadRequest(ExplainerError):
    """The request itself is wrong: an unknown name, a value out of range, nothing to explain."""


class NothingGenerated(BadRequest):
    """The model writes nothing after this text."""


class LimitReached(ExplainerError):
    """The request is sound, but larger than a limit of this server."""


class Incompatible(ExplainerError):
    """Model, method and task do not fit each other."""


class ModelNotFound(ExplainerError):
    """No model goes by that name, or this server does not offer it."""


class ModelRefused(ExplainerError):
    """The model exists and is not loaded for safety's sake: pickled weights, remote code, no permission."""


class Unreachable(ExplainerError):
    """The place that the weights come from does not answer."""


class Mismatch(ExplainerError):
    """The number that would be explained is not the number that the model gives."""


class Busy(ExplainerError):
    """Too many people are waiting already."""


class Overdue(ExplainerError):
    """The explanation took longer than this server allows, and was stopped."""
