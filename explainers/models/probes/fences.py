"""Translate what foreign code raises, a model's or a tokenizer's, into one error of ours."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import ExplainerError, Incompatible

LONGEST = 160  # characters of a foreign error that are quoted


@contextmanager
def fence_forward(label: str) -> Iterator[None]:
    """Raise Incompatible for what the model's own code raises in its plain forward pass, and log its cause."""
    advice = "Check that it runs on the output of its tokenizer or image processor in transformers."
    with _fence(f"{label} fails in its own forward pass", advice):
        yield


@contextmanager
def fence_backward() -> Iterator[None]:
    """Raise Incompatible for what the model's own code raises in a backward pass, and log its cause."""
    with _fence("The model fails in its own backward pass", "Choose a method that does not use gradients."):
        yield


@contextmanager
def fence_tokenizer(label: str) -> Iterator[None]:
    """Raise Incompatible for what the tokenizer's own code raises on a text, and log its cause."""
    with _fence(f"The tokenizer of {label} fails on this text", "Check the text, and that it works in transformers."):
        yield


@contextmanager
def _fence(what: str, advice: str) -> Iterator[None]:
    try:
        yield
    except (ExplainerError, MemoryError):
        raise
    except Exception as error:
        logging.getLogger(__name__).warning(what, exc_info=error)
        raise Incompatible(f"{what}, with {quote_error(error)}. {advice}") from None


def quote_error(error: Exception) -> str:
    """Return the type of a foreign error, and its first line in brackets."""
    line = next(iter(str(error).strip().splitlines()), "")[:LONGEST].rstrip(" .")
    return f"{type(error).__name__} ({line})" if line else type(error).__name__
