"""Neither a result nor an error keeps an evicted model in memory."""

import weakref

import pytest

from explainers import Request, Target, explain, predict
from explainers.errors import BadRequest, LimitReached, Overdue
from explainers.loading import load
from explainers.models import loading
from explainers.models.resolve import find_card
from explainers.settings import read_settings
from tests.support.hub import save_tiny
from tests.support.sentences import SENTENCES

TASK = "text_classification"


class Left(BaseException):
    """Raised when the user leaves, as Streamlit does."""


@pytest.fixture
def folder(tmp_path):
    return save_tiny("bert", tmp_path / "model")


def request_of(folder, **more):
    return Request(TASK, str(folder), {"text": SENTENCES[0]}, "input_x_gradient", **more)


def reference_to(folder):
    """A weak reference to the loaded model of a folder."""
    return weakref.ref(load(find_card(str(folder), TASK, read_settings({}))).model)


def another_comes():
    """As large a model as the memory takes, for which all others have to leave."""
    with loading.model_cache().lease("another", lambda: read_settings({}).model_megabytes * 1_000_000, object):
        pass


def leave(what, share):
    if "passes" in what:
        raise Left


@pytest.mark.parametrize(
    ("error", "settings", "more"),
    [
        (None, {}, {}),
        (Overdue, {"SECONDS": "0"}, {}),
        (LimitReached, {"PASSES": "1"}, {}),
        (BadRequest, {}, {"target": Target(label="none of them")}),
        (Left, {}, {}),
    ],
)
def test_neither_an_explanation_nor_its_error_keeps_an_evicted_model(folder, anew, error, settings, more):
    anew(**settings)
    model = reference_to(folder)
    if error is None:
        kept = explain(request_of(folder))
    else:
        with pytest.raises(error) as kept:
            explain(request_of(folder, **more), **{"progress": leave} if error is Left else {})
        assert kept.value.__traceback__ is not None
    assert model() is not None
    another_comes()
    assert model() is None
    assert kept


def test_the_error_of_a_prediction_keeps_no_evicted_model(folder, anew):
    anew()
    model = reference_to(folder)
    with pytest.raises(BadRequest, match="Text is empty") as kept:
        predict(Request(TASK, str(folder), {"text": " "}))
    another_comes()
    assert model() is None
    assert kept.value.__traceback__ is not None
