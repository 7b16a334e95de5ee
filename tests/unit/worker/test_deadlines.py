"""An interruption hits the stretch it was meant for, in that thread, or nothing."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable
from itertools import count

import pytest

from fcgipm import scoreboard
from fcgipm.gateways.watch import RequestTimeout
from fcgipm.worker.deadlines import RequestWatch


class Answer:
    expired = 0

    def expire(self) -> int:
        self.expired += 1
        return 504


def in_thread(work: Callable[[RequestWatch], None], watch: RequestWatch) -> threading.Thread:
    def run() -> None:
        watch.attach()
        work(watch)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def new_watch() -> tuple[RequestWatch, memoryview]:
    slot = memoryview(bytearray(scoreboard.SLOT_BYTES)).cast("Q")
    watch = RequestWatch()
    watch.slot = slot
    return watch, slot


def begin(watch: RequestWatch, answer: Answer) -> None:
    watch.started = time.monotonic_ns()
    watch.begin(answer)


def test_the_clock_runs_between_enter_and_leave_alone() -> None:
    watch, slot = new_watch()
    seen = []
    begin(watch, Answer())
    seen.append(slot[scoreboard.RUNNING_SINCE] > 0)
    watch.leave()
    seen.append(slot[scoreboard.RUNNING_SINCE] > 0)
    watch.enter()
    seen.append(slot[scoreboard.RUNNING_SINCE] > 0)
    watch.end()
    watch.enter()
    seen.append(slot[scoreboard.RUNNING_SINCE] > 0)
    assert seen == [True, False, True, False]


def test_a_stretch_that_is_over_cannot_be_hit() -> None:
    watch, slot = new_watch()
    answer = Answer()
    begin(watch, answer)
    key = slot[scoreboard.RUNNING_SINCE]
    watch.leave()
    watch.enter()
    assert watch.expire(key) is None
    assert answer.expired == 0


@pytest.mark.parametrize("swallows", [False, True])
def test_thousands_of_shots_at_the_ends_of_stretches(swallows: bool) -> None:
    watch, slot = new_watch()
    outcomes: set[tuple[int, bool]] = set()
    given_up = threading.Event()
    strays: list[BaseException] = []
    done = threading.Event()

    def work(watch: RequestWatch) -> None:
        hits = 0
        try:
            for number in count():
                if given_up.is_set() or (number >= 4000 and hits > 20):  # However little of a busy machine the other thread gets.
                    break
                answer, hit = Answer(), False
                try:
                    try:
                        begin(watch, answer)
                        try:
                            for _ in range(number % 997):
                                pass
                        except RequestTimeout:
                            if not swallows:
                                raise
                    finally:
                        watch.end()
                except RequestTimeout:
                    hit = True
                watch.settle()
                hits += hit
                outcomes.add((answer.expired, hit))
        except BaseException as error:
            strays.append(error)
        done.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = in_thread(work, watch)
    chance = random.Random(1)
    try:
        while not done.is_set():
            key = slot[scoreboard.RUNNING_SINCE]
            if key:
                watch.expire(key)
            time.sleep(chance.random() / 20000)
    finally:
        given_up.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert not strays
    assert outcomes == {(1, True), (0, False)}


def test_a_shot_that_hits_whoever_waits_for_it_is_waited_for_once_more() -> None:
    """Else the order thread might note that it has fired when the next request has begun."""
    watch, slot = new_watch()
    waits: list[int] = []

    def hit_while_waiting() -> None:
        waits.append(1)
        if len(waits) == 1:
            raise RequestTimeout

    watch._await_shot = hit_while_waiting  # type: ignore[method-assign]
    watch._fire = lambda: None  # type: ignore[method-assign]
    begin(watch, Answer())
    assert watch.expire(slot[scoreboard.RUNNING_SINCE])
    with pytest.raises(RequestTimeout):
        try:
            watch.leave()
        finally:
            watch.end()
    assert len(waits) == 2
    watch.settle()
    watch.end()
    assert len(waits) == 2
