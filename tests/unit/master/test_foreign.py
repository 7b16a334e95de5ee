"""How the end of a copy of a foreign program is told to its pool."""

from __future__ import annotations

import signal
import time

import pytest

from fcgipm.master.foreign import exits
from fcgipm.pool import happenings as event
from fcgipm.pool.states import WorkerState
from fcgipm.pool.worker import WorkerHandle

WELL, BADLY = 0, 1 << 8


def ready(seconds: float, leaving: str | None = None) -> WorkerHandle:
    handle = WorkerHandle(7, 0, 1)
    handle.enter(WorkerState.READY)
    handle.ready_at, handle.leaving = time.monotonic() - seconds, leaving
    return handle


def told(handle: WorkerHandle | None, status: int, begun: int = 0, foreign: bool = True) -> tuple[bool, bool]:
    """Whether it recycled itself, and whether it ended well."""
    *before, last = exits(foreign, 7, handle, status, "somehow", begun)
    assert isinstance(last, event.WorkerExited)
    assert before in ([], [event.WorkerRetiring(7, "requests")])
    return bool(before), last.clean


def test_who_ends_well_after_service_recycles_himself() -> None:
    assert told(ready(0.1), WELL, begun=1) == (True, True)
    assert told(ready(1.5), WELL) == (True, True), "requests too short to be seen"


def test_who_ends_at_once_or_badly_does_not() -> None:
    assert told(ready(0.1), WELL)[0] is False
    assert told(ready(1.5), BADLY, begun=1) == (False, False)
    assert told(ready(1.5), signal.SIGKILL, begun=1) == (False, False), "not by us"
    assert told(None, WELL) == (False, True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_our_own_signal_is_no_crash(number: int) -> None:
    assert told(ready(1.5, leaving="reload"), number, begun=1)[1] is True
    assert told(ready(1.5, leaving="reload"), signal.SIGSEGV)[1] is False


def test_workers_of_ours_say_it_themselves() -> None:
    assert told(ready(1.5), WELL, begun=1, foreign=False) == (False, True)
    assert told(ready(1.5, leaving="reload"), signal.SIGKILL, foreign=False) == (False, False)


def test_whose_channel_ended_first_recycles_himself_all_the_same() -> None:
    handle = ready(1.5)
    handle.enter(WorkerState.LOST)
    assert told(handle, WELL) == (True, True)
    handle.ready_at = None
    assert told(handle, WELL)[0] is False
