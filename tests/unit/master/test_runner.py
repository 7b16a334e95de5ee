"""A pool's runtime against what workers leave behind."""

from __future__ import annotations

import errno
import gc
import json
import os
import socket
import subprocess
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from fcgipm import orders, scoreboard
from fcgipm.master.access import AccessFile
from fcgipm.master.actions import carry_out
from fcgipm.master.channel import Channel, Word
from fcgipm.master.children import ChildExit
from fcgipm.master.happenings import Happening, PoolHappened, QueueGrew
from fcgipm.master.log import Log
from fcgipm.master.loop import Loop
from fcgipm.master.runner import PoolRunner
from fcgipm.pool import actions as do
from fcgipm.pool import happenings as event
from fcgipm.pool.deadlines import Running
from fcgipm.pool.policy import Load
from fcgipm.system.errors import SystemProblem
from fcgipm.system.listeners import Listener
from fcgipm.system.queues import Queues
from fcgipm.system.spawn import output_pipe


class Endless(Channel):
    """The channel of a worker whose children go on talking."""

    heard = 0

    def receive(self) -> Word:
        self.heard += 1
        return Word(orders.BUSY, [], 1)


@pytest.fixture
def queue() -> deque[Happening]:
    return deque()


@pytest.fixture
def runner(tmp_path: Path, queue: deque[Happening]) -> Iterator[PoolRunner]:
    workers = {"min": 1, "max": 1, "threads": 1, "spare": 0, "idle_timeout": 10.0}
    settings = {"name": "web", "workers": workers, "preload": True, "probe": None, "recycle": {"memory": 0}}
    settings |= {"timeouts": {"keepalive": 75.0, "request": 50.0, "kill_after": 5.0}, "slow_log": None, "uid": None, "gid": None}
    settings |= {"access_log": {"file": "off", "format": "json"}}
    loop = Loop()
    log = Log(str(tmp_path / "log"))
    runner = PoolRunner(settings, [], AccessFile(settings["access_log"], "web", log), 1.0, loop, log, queue.append)
    yield runner
    runner.close()
    loop.close()


def test_a_channel_that_never_falls_silent_is_left(runner: PoolRunner, queue: deque[Happening]) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    read_end, write_end = output_pipe(None, None)
    channel = Endless(ours)
    runner.add_worker(1, 0, channel, read_end)
    runner.workers[1].pid = 1234
    assert runner.child_exited(ChildExit(1234, 0))
    assert channel.heard <= 512
    assert queue[-1] == PoolHappened(runner, event.WorkerExited(1, True, "exited with status 0"))
    runner.drop_channel(channel)
    theirs.close()
    os.close(write_end)


def test_who_is_no_child_is_not_killed_but_given_up(runner: PoolRunner, queue: deque[Happening]) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    read_end, write_end = output_pipe(None, None)
    runner.add_worker(1, 0, Channel(ours), read_end)
    runner.workers[1].pid = os.getppid()
    for _ in range(2):
        carry_out(runner, [do.Kill(1, force=False)])
    assert list(queue) == [PoolHappened(runner, event.WorkerExited(1, False, "is no process of this daemon"))]
    runner.drop_channel(runner.workers[1].channel)
    theirs.close()
    os.close(write_end)


def test_what_never_greeted_is_found_by_its_output(runner: PoolRunner) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    read_end, write_end = output_pipe(None, None)
    runner.add_worker(1, 0, Channel(ours), read_end)
    mute = subprocess.Popen(["sleep", "60"], stdout=write_end)
    other = subprocess.Popen(["sleep", "60"])
    carry_out(runner, [do.Kill(1, force=True)])
    assert mute.wait(10) == -9 and other.poll() is None
    other.kill()
    other.wait()
    runner.drop_channel(runner.workers[1].channel)
    theirs.close()
    os.close(write_end)


# Keepers.


def said_retiring(runner: PoolRunner) -> int:
    """A template that has said RETIRING and ended; its pid. What it left is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    read_end, write_end = output_pipe(None, None)
    runner.add_template(1, 1234, ours, read_end)
    theirs.send(orders.RETIRING)
    theirs.close()
    os.close(write_end)
    return 1234


def test_a_keeper_that_was_told_to_leave_and_has_ended_is_gone_once(runner: PoolRunner, queue: deque[Happening]) -> None:
    runner.foreign = True
    assert runner.child_exited(ChildExit(said_retiring(runner), 0))
    assert list(queue) == [PoolHappened(runner, event.TemplateGone(1, "the keeper was told to leave by a signal"))]
    assert not runner.templates and not runner.staying and not runner.child_exited(ChildExit(1234, 0))


def test_a_template_of_ours_never_stays(runner: PoolRunner, queue: deque[Happening]) -> None:
    """It runs foreign code, and may say what it likes."""
    assert runner.child_exited(ChildExit(said_retiring(runner), 0))
    assert list(queue) == [PoolHappened(runner, event.TemplateGone(1, "the template exited with status 0"))]
    assert not runner.staying


# Queues.


def refuse() -> socket.socket:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_where_the_kernel_does_not_tell_who_waits_the_pool_doubles_and_says_so_once(runner: PoolRunner, tmp_path: Path, queue: deque[Happening]) -> None:
    runner.queues = Queues(refuse)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "sock"))
        listening.listen(5)
        runner.listeners.append(Listener(f"unix:{tmp_path / 'sock'}", listening))
        assert runner.look(1.0).waiting == 1, "the alarm went off: somebody waits"
        runner.pool.scaling.observe(Load(4, 0), 1.0)
        assert [runner.look(now).waiting for now in (2.0, 3.0)] == [4, 4]
    said = [line for line in (tmp_path / "log").read_text().splitlines() if "does not tell" in line]
    assert len(said) == 1 and said[0].endswith("web: the kernel does not tell how many wait (Operation not permitted): scaling on busy workers")


def test_many_that_come_at_once_are_one_look(runner: PoolRunner, queue: deque[Happening]) -> None:
    """Parked connections that speak together, and the alarm: the first is heard, the others are seen by the look it brings."""
    for _ in range(5):
        runner.parking.woken()
    assert list(queue) == [QueueGrew(runner)]
    runner.look(1.0)
    runner.parking.woken()
    assert len(queue) == 2


def test_one_that_cannot_be_made_leaves_no_descriptor(tmp_path: Path, runner: PoolRunner, queue: deque[Happening]) -> None:
    before = os.listdir("/proc/self/fd")
    settings = {**runner.settings, "slow_log": {"file": str(tmp_path / "none" / "slow"), "after": 1.0}}
    for _ in range(3):
        with pytest.raises(SystemProblem, match="cannot open"):
            PoolRunner(settings, [], runner.access, 1.0, runner.loop, runner.log, queue.append, older=runner)
        gc.collect()
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_who_was_killed_and_answered_is_known_to_another_program(runner: PoolRunner) -> None:
    killed = Running(4, 0, 7)
    runner.overseer.restore(json.loads(json.dumps({"slow": [], "overdue": [killed], "killed": [killed], "answered": [[4, [0, [504, 7]]]]})))
    scoreboard.words(runner.board.memory, 0)[scoreboard.RUNNING_SINCE] = 7
    told = json.loads(json.dumps(runner.overseer.describe()))
    assert told == {"slow": [], "overdue": [[4, 0, 7]], "killed": [[4, 0, 7]], "answered": [[4, [0, [504, 7]]]]}
    counters = dict(zip(scoreboard.COUNTERS, runner.overseer.lost(4, 0), strict=True))
    assert counters[scoreboard.TIMED_OUT] == counters[scoreboard.FAILED] == counters[scoreboard.CLASS_5XX] == 1
    assert sum(runner.overseer.lost(4, 0)) == 0, "once"


@pytest.mark.parametrize(("state", "foreign", "counted"), [(scoreboard.BUSY, False, True), (scoreboard.IDLE, False, False), (scoreboard.BUSY, True, False)])
def test_a_request_that_died_with_its_worker_is_counted(runner: PoolRunner, state: int, foreign: bool, counted: bool) -> None:
    runner.foreign = foreign
    scoreboard.words(runner.board.memory, 0)[scoreboard.STATE] = state
    lost = {word for word, count in zip(scoreboard.COUNTERS, runner.overseer.lost(4, 0), strict=True) if count}
    assert lost == ({scoreboard.CLASS_5XX, scoreboard.FAILED} if counted else set())
