"""Long work on a page: its progress, a button that cancels it, and the message when it fails."""

import gc
import logging
import time
import uuid
from collections.abc import Callable, Hashable
from functools import cache
from typing import TypeVar

import streamlit as st

from explainers import ExplainerError
from explainers.progress import Progress
from explainers.serving.service import service
from pages.common.ui.markdown import escape

LOG = logging.getLogger("wherefore")
Result = TypeVar("Result")
PAUSE = 0.15  # seconds between two updates of the progress; a visitor's departure is noticed at the next


def run_with_progress(
    find: Callable[[], Result | None], compute: Callable[[Progress], Result], key: str, about: str
) -> Result | None:
    """Return what `find` finds, or else what `compute` returns; None after an error, which is shown.

    `key` is the session-state key of the request: Cancel deletes it. `about` goes into the log, and must
    not contain what a visitor typed.
    """
    _freeze_imports()
    place = st.empty()
    try:
        if (result := find()) is not None:
            return result
        with place.container():
            bar = st.progress(0.0, "Starting")
            st.button("Cancel", on_click=st.session_state.pop, args=(key, None), key=f"{key} cancel")
        result = compute(_throttle(lambda what, share: bar.progress(min(share, 1.0), escape(what)) and None))
        place.empty()
        return result
    except ExplainerError as error:
        place.empty()
        st.error(escape(str(error)), icon=":material/error:")
    except Exception:  # the one boundary of a page: the visitor sees a number, the log has the rest
        place.empty()
        incident = uuid.uuid4().hex[:8]
        LOG.exception("incident %s: %s", incident, about)
        st.error(f"Something went wrong on our side (incident {incident}). Your input is still here: please try again.")
    return None


def answer_with_progress(
    question: Hashable, compute: Callable[[Progress], Result], key: str, about: str
) -> Result | None:
    """Return the cached result for a question, or compute it in the queue and cache it."""
    return run_with_progress(
        lambda: service().find_answer(question),
        lambda progress: service().answer(question, compute, progress),
        key,
        about,
    )


def _throttle(progress: Progress) -> Progress:
    """Limit progress to a few updates per second, because a browser cannot draw one for every pass."""
    updated = 0.0

    def update(what: str, share: float) -> None:
        nonlocal updated
        if (now := time.monotonic()) - updated >= PAUSE:
            updated = now
            progress(what, share)

    return update


def scale_progress(progress: Progress, done: int, of: int) -> Progress:
    """Return the progress of explanation number `done` + 1 of `of`."""
    return lambda what, share: progress(f"Explanation {done + 1} of {of}: {what}", (done + share) / of)


@cache
def _freeze_imports() -> None:
    """Exclude imported objects from garbage collection, which Streamlit runs after every rerun."""
    gc.collect()
    gc.freeze()
