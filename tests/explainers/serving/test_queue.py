"""The queue is first in, first out, never runs more requests than slots, and frees a slot after any outcome."""

import threading
from concurrent.futures import Future

import pytest

from explainers import progress as progresses
from explainers.errors import Busy
from explainers.progress import Meter, run_in_thread
from explainers.serving.queue import RequestQueue

PATIENCE = 20  # seconds after which a test fails that would else wait for ever


class Left(BaseException):
    """Raised when the user leaves, as Streamlit does."""


class Client:
    """A thread that enters a queue, records its reports, and runs until it may finish."""

    def __init__(self, queue, order=None):
        self.reports, self.running, self.changed = [], threading.Event(), threading.Condition()
        self.go, self.leaving = threading.Event(), False
        self.future, self.order, self.queue = Future(), order if order is not None else [], queue
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            with self.queue.enter(self.progress):
                self.order.append(self)
                self.running.set()
                assert self.go.wait(PATIENCE)
                if self.leaving:
                    raise Left
            self.future.set_result(None)
        except BaseException as error:
            self.future.set_exception(error)

    def progress(self, what, share):
        with self.changed:
            self.reports.append(what)
            self.changed.notify_all()
        if self.leaving:
            raise Left

    def wait_for_report(self, what):
        with self.changed:
            assert self.changed.wait_for(lambda: what in self.reports, PATIENCE), self.reports
        return self

    def wait_for_slot(self):
        assert self.running.wait(PATIENCE)
        return self

    def leave(self):
        self.leaving = True
        self.go.set()
        with pytest.raises(Left):
            self.future.result(PATIENCE)

    def finish(self):
        self.go.set()
        self.future.result(PATIENCE)


EVERY = progresses.SLICE


def test_progress_is_reported_five_times_a_second():
    assert EVERY <= 0.2


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(progresses, "SLICE", 0.01)


def fill_queue(queue, inside, waiting, order=None):
    """Start clients that run and clients that wait, each in its place before the next starts."""
    clients = [Client(queue, order).wait_for_slot() for _ in range(inside)]
    return clients + [
        Client(queue, order).wait_for_report(f"In the queue: {place + 1} before you") for place in range(waiting)
    ]


def test_the_queue_is_first_in_first_out_and_reports_each_position():
    queue, order = RequestQueue(1, 5), []
    clients = fill_queue(queue, 1, 4, order)
    for done, client in enumerate(clients):
        client.wait_for_slot()
        for place, waiting in enumerate(clients[done + 1 :]):
            waiting.wait_for_report(f"In the queue: {place + 1} before you")
        assert order == clients[: done + 1]
        client.finish()
    assert clients[4].reports[0] == "In the queue: 4 before you"
    places = list(dict.fromkeys(clients[4].reports))
    assert places == [f"In the queue: {before} before you" for before in (4, 3, 2, 1)]


def test_no_more_requests_run_than_there_are_slots():
    queue = RequestQueue(3, 5)
    clients = fill_queue(queue, 3, 2)
    assert [client.running.is_set() for client in clients] == [True, True, True, False, False]
    clients[1].finish()
    clients[3].wait_for_slot()
    assert not clients[4].running.is_set()
    for client in clients:
        client.finish()
    for client in fill_queue(queue, 3, 0):
        client.finish()


def test_a_free_slot_is_entered_without_a_report():
    reports = []
    with RequestQueue(1, 0).enter(lambda what, share: reports.append(what)):
        assert reports == []


def test_a_full_queue_refuses_a_request_and_keeps_those_that_wait():
    queue = RequestQueue(1, 2)
    clients = fill_queue(queue, 1, 2)
    with pytest.raises(Busy, match=r"2 requests are waiting already\. Try again in a minute"), queue.enter(print):
        pass
    clients[0].finish()
    clients[1].wait_for_slot()
    clients.append(Client(queue).wait_for_report("In the queue: 2 before you"))
    for client in clients[1:]:
        client.finish()


def test_a_request_that_leaves_the_queue_makes_room_for_those_behind():
    queue = RequestQueue(1, 3)
    clients = fill_queue(queue, 1, 3)
    clients[2].leave()
    clients[3].wait_for_report("In the queue: 2 before you")
    clients.append(Client(queue).wait_for_report("In the queue: 3 before you"))
    clients[0].finish()
    for client in (clients[1], clients[3], clients[4]):
        client.wait_for_slot().finish()
    Client(queue).wait_for_slot().finish()


def test_a_request_that_fails_frees_its_slot():
    queue = RequestQueue(1, 1)
    clients = fill_queue(queue, 1, 1)
    clients[0].leave()
    clients[1].wait_for_slot().finish()
    Client(queue).wait_for_slot().finish()


def test_run_in_thread_returns_or_raises_what_the_function_does():
    caller = threading.get_ident()
    assert run_in_thread(lambda _: threading.get_ident(), lambda *_: None, "Waiting") != caller
    for error in (ValueError("no"), Left()):

        def broken(_, error=error):
            raise error

        with pytest.raises(type(error)) as caught:
            run_in_thread(broken, lambda *_: None, "Waiting")
        assert caught.value is error


def test_run_in_thread_reports_the_share_done_repeatedly():
    reports, enough = [], threading.Event()

    def progress(what, share):
        reports.append((what, share))
        if len(reports) == 5:
            enough.set()

    def work(meter):
        meter.total = 200
        meter.add(50)
        assert enough.wait(PATIENCE)
        return "done"

    assert run_in_thread(work, progress, "Downloading") == "done"
    assert {what for what, _ in reports} == {"Downloading"}
    assert reports[-1][1] == 0.25


def test_a_cancelled_wait_stops_the_thread_at_its_next_step():
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


def test_the_share_of_a_meter_is_between_0_and_1():
    for total, done, share in ((0, 0, 0.0), (0, 9, 0.0), (10, 0, 0.0), (10, 4, 0.4), (10, 30, 1.0)):
        assert Meter(total, done).share == share
