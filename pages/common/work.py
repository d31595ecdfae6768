"""Work that takes time, on a page: its progress, a button that cancels it, and what a visitor reads when it fails.

Knows no model; what is computed is the caller's to say.
"""

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
from explainers.serving.service import backend
from pages.common.words import literal

LOG = logging.getLogger("wherefore")
Answer = TypeVar("Answer")
PAUSE = 0.15  # seconds between two words of progress; a visitor who leaves is noticed at the next


def worked(
    known: Callable[[], Answer | None], compute: Callable[[Progress], Answer], forget: str, about: str
) -> Answer | None:
    """What is known already, or else what `compute` makes, with progress; None after an error, which is shown.

    `forget` is the key of the session state that asks for it: Cancel deletes it. `about` goes into the log, and must
    not hold what a visitor typed.
    """
    _settle()
    place = st.empty()
    try:
        if (answer := known()) is not None:
            return answer
        with place.container():
            bar = st.progress(0.0, "Starting")
            st.button("Cancel", on_click=st.session_state.pop, args=(forget, None), key=f"{forget} cancel")
        answer = compute(_paced(lambda what, share: bar.progress(min(share, 1.0), literal(what)) and None))
        place.empty()
        return answer
    except ExplainerError as error:
        place.empty()
        st.error(literal(str(error)), icon=":material/error:")
    except Exception:  # the one boundary of a page: the visitor gets a number, the log gets the rest
        place.empty()
        incident = uuid.uuid4().hex[:8]
        LOG.exception("incident %s: %s", incident, about)
        st.error(f"Something went wrong on our side (incident {incident}). Your text is still here: try again.")
    return None


def answered(question: Hashable, compute: Callable[[Progress], Answer], forget: str, about: str) -> Answer | None:
    """What is known of a question, or else what `compute` makes in its turn, for whoever asks it later too."""
    return worked(
        lambda: backend().known(question),
        lambda progress: backend().answer(question, compute, progress),
        forget,
        about,
    )


def _paced(progress: Progress) -> Progress:
    """The progress, told a few times a second: a browser that is told of every pass does nothing else."""
    told = 0.0

    def paced(what: str, share: float) -> None:
        nonlocal told
        if (now := time.monotonic()) - told >= PAUSE:
            told = now
            progress(what, share)

    return paced


def part(progress: Progress, done: int, of: int) -> Progress:
    """The progress of one map among several."""
    return lambda what, share: progress(f"Map {done + 1} of {of}: {what}", (done + share) / of)


@cache
def _settle() -> None:
    """Take what the imports made out of the garbage collector's sight: Streamlit collects after every run."""
    gc.collect()
    gc.freeze()
