"""The queue: first in, first out, never more requests at once than slots, and a slot is free again after any end."""

import threading
from concurrent.futures import Future

import pytest

from explainers import progress as progresses
from explainers.errors import Busy
from explainers.progress import Meter, run_in_thread
from explainers.serving.queue import RequestQueue

PATIENCE = 20  # seconds after which a test fails that would else wait for ever


class Left(BaseException):
    """The visitor has left, as Streamlit says it."""


class Person:
    """A thread that enters a gate, says what it is told, and stays until it is let go."""

    def __init__(self, gate, order=None):
        self.told, self.inside, self.changed = [], threading.Event(), threading.Condition()
        self.go, self.leaving = threading.Event(), False
        self.future, self.order, self.gate = Future(), order if order is not None else [], gate
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            with self.gate.enter(self.progress):
                self.order.append(self)
                self.inside.set()
                assert self.go.wait(PATIENCE)
                if self.leaving:
                    raise Left
            self.future.set_result(None)
        except BaseException as error:
            self.future.set_exception(error)

    def progress(self, what, share):
        with self.changed:
            self.told.append(what)
            self.changed.notify_all()
        if self.leaving:
            raise Left

    def hears(self, what):
        with self.changed:
            assert self.changed.wait_for(lambda: what in self.told, PATIENCE), self.told
        return self

    def enters(self):
        assert self.inside.wait(PATIENCE)
        return self

    def leaves(self):
        self.leaving = True
        self.go.set()
        with pytest.raises(Left):
            self.future.result(PATIENCE)

    def is_done(self):
        self.go.set()
        self.future.result(PATIENCE)


EVERY = progresses.SLICE


def test_a_word_is_due_five_times_a_second():
    assert EVERY <= 0.2


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(progresses, "SLICE", 0.01)


def line(gate, inside, waiting, order=None):
    """So many people inside and in line, each in their place before the next comes."""
    people = [Person(gate, order).enters() for _ in range(inside)]
    return people + [Person(gate, order).hears(f"In the queue: {place + 1} before you") for place in range(waiting)]


def test_whoever_comes_first_goes_in_first_and_everybody_hears_their_place():
    gate, order = RequestQueue(1, 5), []
    people = line(gate, 1, 4, order)
    for done, person in enumerate(people):
        person.enters()
        for place, waiting in enumerate(people[done + 1 :]):
            waiting.hears(f"In the queue: {place + 1} before you")
        assert order == people[: done + 1]
        person.is_done()
    assert people[4].told[0] == "In the queue: 4 before you"
    places = list(dict.fromkeys(people[4].told))
    assert places == [f"In the queue: {before} before you" for before in (4, 3, 2, 1)]


def test_no_more_are_inside_than_there_are_slots():
    gate = RequestQueue(3, 5)
    people = line(gate, 3, 2)
    assert gate.inside == 3
    assert [person.inside.is_set() for person in people] == [True, True, True, False, False]
    people[1].is_done()
    people[3].enters()
    assert gate.inside == 3
    assert not people[4].inside.is_set()
    for person in people:
        person.is_done()
    assert gate.inside == 0


def test_a_free_slot_is_entered_without_a_word():
    told = []
    with RequestQueue(1, 0).enter(lambda what, share: told.append(what)):
        assert told == []


def test_one_too_many_is_sent_home_and_those_in_line_stay():
    gate = RequestQueue(1, 2)
    people = line(gate, 1, 2)
    with pytest.raises(Busy, match=r"2 requests are waiting already\. Try again in a minute"), gate.enter(print):
        pass
    people[0].is_done()
    people[1].enters()
    people.append(Person(gate).hears("In the queue: 2 before you"))
    for person in people[1:]:
        person.is_done()


def test_whoever_leaves_the_line_makes_room_and_those_behind_move_up():
    gate = RequestQueue(1, 3)
    people = line(gate, 1, 3)
    people[2].leaves()
    people[3].hears("In the queue: 2 before you")
    people.append(Person(gate).hears("In the queue: 3 before you"))
    people[0].is_done()
    for person in (people[1], people[3], people[4]):
        person.enters().is_done()
    assert gate.inside == 0


def test_a_run_that_breaks_off_frees_its_slot():
    gate = RequestQueue(1, 1)
    people = line(gate, 1, 1)
    people[0].leaves()
    people[1].enters().is_done()
    assert gate.inside == 0


def test_what_a_thread_returns_or_raises_is_what_its_waiter_gets():
    caller = threading.get_ident()
    assert run_in_thread(lambda _: threading.get_ident(), lambda *_: None, "Waiting") != caller
    for error in (ValueError("no"), Left()):

        def broken(_, error=error):
            raise error

        with pytest.raises(type(error)) as caught:
            run_in_thread(broken, lambda *_: None, "Waiting")
        assert caught.value is error


def test_whoever_waits_for_a_thread_is_told_again_and_again_with_the_share_that_is_done():
    told, enough = [], threading.Event()

    def progress(what, share):
        told.append((what, share))
        if len(told) == 5:
            enough.set()

    def work(meter):
        meter.total = 200
        meter.add(50)
        assert enough.wait(PATIENCE)
        return "done"

    assert run_in_thread(work, progress, "Downloading") == "done"
    assert {what for what, _ in told} == {"Downloading"}
    assert told[-1][1] == 0.25


def test_whoever_leaves_stops_the_thread_at_its_next_step():
    left, stopped = threading.Event(), Future()

    def work(meter):
        assert left.wait(PATIENCE)
        try:
            meter.add(1)
            stopped.set_result(None)
        except BaseException as error:
            stopped.set_exception(error)

    def leave(what, share):
        raise Left

    with pytest.raises(Left):
        run_in_thread(work, leave, "Waiting")
    left.set()
    with pytest.raises(progresses.CancelledError):
        stopped.result(PATIENCE)


def test_a_share_is_between_nothing_and_all():
    for total, done, share in ((0, 0, 0.0), (0, 9, 0.0), (10, 0, 0.0), (10, 4, 0.4), (10, 30, 1.0)):
        assert Meter(total, done).share == share
