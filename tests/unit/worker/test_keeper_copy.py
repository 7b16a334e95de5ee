"""A copy of a foreign program as its keeper sees it: what it holds, freezing it, and what is written about it."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import pytest

from fcgipm import orders, scoreboard
from fcgipm.worker import keeper_copy
from fcgipm.worker.keeper_computing import WINDOW_NS, Computing
from fcgipm.worker.keeper_copy import Copy
from fcgipm.worker.keeper_holding import Connections, rests
from tests.support.daemon import ROOT, eventually

ACCEPTS = "import socket; s = socket.socket(fileno=0); c = s.accept()[0]; c.send(b'a'); c.recv(1); c.close(); print('closed', flush=True); s.accept()"

Given = tuple[Copy, "subprocess.Popen[bytes]"]


@contextmanager
def copy_of(listener: socket.socket, code: str = ACCEPTS, computing: Computing | None = None, pass_fds: Sequence[int] = ()) -> Iterator[Given]:
    """A process that accepts, holds until it hears a byte, and lets go; and the copy that stands for it."""
    board = memoryview(bytearray(scoreboard.size(1)))
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=listener, stdout=subprocess.PIPE, start_new_session=True, pass_fds=pass_fds) as process:
        ours, theirs = socket.socketpair()
        copy = Copy(0, scoreboard.words(board, 0), ours, -1, computing)
        copy.pid = process.pid
        try:
            yield copy, process
        finally:
            copy.close()
            theirs.close()


def test_busy_while_it_holds_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, copy_of(listener) as (copy, process):
        connections = Connections(listener)
        copy.begin(3)
        assert copy.words[scoreboard.GENERATION] == 3 and copy.words[scoreboard.PID] == copy.pid
        with socket.create_connection(listener.getsockname()) as client:
            client.recv(1)
            assert copy.look(connections.accepted()) and not copy.look(connections.accepted()), "begun once"
            assert (copy.words[scoreboard.STATE], copy.words[scoreboard.BEGUN]) == (scoreboard.BUSY, 1)
            client.send(b"b")
            assert process.stdout is not None and process.stdout.readline() == b"closed\n"
        assert not copy.look(connections.accepted())
        assert (copy.words[scoreboard.STATE], copy.words[scoreboard.BEGUN]) == (scoreboard.IDLE, 1)


class Toil:
    """At each look a window has passed, in which every process used `share` of a CPU."""

    def __init__(self) -> None:
        self.now, self.share = 0, 0.0
        self._spent = 0.0
        self.computing = Computing(self._clock, lambda _pid: round(self._spent))

    def _clock(self) -> int:
        self.now += WINDOW_NS
        self._spent += self.share * WINDOW_NS
        return self.now


HOLDS_THREE = "import socket; s = socket.socket(fileno=0); held = [s.accept()[0] for _ in range(3)]; [c.send(b'a') for c in held]; held[0].recv(1)"


def test_those_that_wait_inside_of_it_for_cpu_are_counted() -> None:
    toil = Toil()
    with socket.create_server(("127.0.0.1", 0)) as listener, copy_of(listener, HOLDS_THREE, toil.computing) as (copy, _process):
        connections, clients = Connections(listener), [socket.create_connection(listener.getsockname()) for _ in range(3)]
        for client in clients:
            client.recv(1)
        told = []
        for toil.share in (0.3, 0.3, 0.95, 0.5):
            copy.look(connections.accepted())
            told.append((copy.words[scoreboard.INSIDE], copy.words[scoreboard.STATE]))
        assert told == [(0, scoreboard.BUSY), (0, scoreboard.BUSY), (2, scoreboard.BUSY), (0, scoreboard.BUSY)]
        for client in clients:
            client.close()


def test_what_a_child_has_inherited_is_its_parents() -> None:
    """A process that only computes for its parent waits for nobody."""
    toil = Toil()
    toil.share = 0.95
    forks = HOLDS_THREE.replace("; [c.send", "; import os; os.fork(); [c.send")
    with socket.create_server(("127.0.0.1", 0)) as listener, copy_of(listener, forks, toil.computing) as (copy, _process):
        connections, clients = Connections(listener), [socket.create_connection(listener.getsockname()) for _ in range(3)]
        for client in clients:
            assert client.recv(1) + client.recv(1) == b"aa"
        for _ in range(2):
            copy.look(connections.accepted())
        assert copy.words[scoreboard.INSIDE] == 2
        for client in clients:
            client.close()


def test_who_computes_while_clients_come_is_busy_also_when_none_is_seen() -> None:
    """Requests shorter than a look. Who computes for himself is not."""
    toil = Toil()
    with socket.create_server(("127.0.0.1", 0)) as listener, copy_of(listener, computing=toil.computing) as (copy, _process):
        told = []
        for toil.share, visited in ((0.95, True), (0.95, True), (0.95, False), (0.3, True)):
            copy.look(frozenset(), visited)
            told.append((copy.busy, copy.words[scoreboard.STATE], copy.words[scoreboard.INSIDE]))
        idle, busy = (False, scoreboard.IDLE, 0), (True, scoreboard.BUSY, 0)
        assert told == [idle, busy, idle, idle]
        copy.order, toil.share = orders.RETIRE, 0.95
        copy.look(frozenset(), visited=True)
        assert not copy.busy and copy.words[scoreboard.STATE] == scoreboard.STOPPING, "who is to leave has nothing but what it holds"


def test_frozen_it_can_be_asked_and_goes_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, copy_of(listener) as (copy, process):
        connections = Connections(listener)
        with socket.create_connection(listener.getsockname()) as client:
            client.recv(1)
            assert eventually(copy.freeze, "it is frozen") and rests(process.pid)
            assert not copy.holds_nothing(connections.accepted())
            copy.thaw()
            client.send(b"b")
            assert process.stdout is not None and process.stdout.readline() == b"closed\n"
        assert eventually(copy.freeze, "it is frozen") and copy.holds_nothing(connections.accepted())


@contextmanager
def unseen(*names: str) -> Iterator[None]:
    """No descriptor is left for these looks."""

    def fails(*_given: object) -> NoReturn:
        raise OSError(errno.ENFILE, "")

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(keeper_copy, name, fails)
        yield


@pytest.mark.parametrize("name", ["members", "sockets"])
def test_what_cannot_be_seen_for_the_moment_is_not_made_up(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, copy_of(listener) as (copy, _process):
        connections = Connections(listener)
        with socket.create_connection(listener.getsockname()) as client:
            client.recv(1)
            copy.look(connections.accepted())
            with unseen(name):
                with pytest.raises(OSError):
                    copy.look(connections.accepted())
                with pytest.raises(OSError):
                    copy.holds_nothing(connections.accepted())
            assert copy.busy and copy.readable and len(copy.held) == 1


def test_who_was_stopped_goes_on_also_when_nothing_can_be_seen_any_more() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, copy_of(listener) as (copy, process):
        with socket.create_connection(listener.getsockname()) as client:
            client.recv(1)
            with unseen("rests"), pytest.raises(OSError):
                copy.freeze()
            assert eventually(lambda: rests(process.pid), "it has stopped")
            with unseen("members", "rests", "sockets"):
                copy.thaw()
                client.send(b"b")
                assert process.stdout is not None and process.stdout.readline() == b"closed\n"


def test_who_was_stopped_can_be_killed_also_when_nothing_can_be_seen_any_more() -> None:
    """And who came from it and has left its group goes on."""
    code = "import os, time; pid = os.fork(); pid or os.setsid(); os.write(1, str(pid).encode() + b'\\n'); time.sleep(1000) if pid else os.read(%d, 1)"
    read_end, write_end = os.pipe()
    os.set_inheritable(read_end, True)
    with socket.create_server(("127.0.0.1", 0)) as listener, copy_of(listener, code % read_end, pass_fds=[read_end]) as (copy, process):
        assert process.stdout is not None
        child = max(int(process.stdout.readline()) for _ in range(2))
        assert eventually(copy.freeze, "it is frozen") and rests(child)
        with unseen("members", "rests", "sockets"):
            copy.kill()
        assert process.wait(20) == -9
        os.close(write_end)
        assert process.stdout.read() == b"", "its child has ended by itself"
    os.close(read_end)


UNKNOWN = """
import socket
from fcgipm import scoreboard
from fcgipm.worker.keeper_copy import Copy
copy = Copy(0, scoreboard.words(memoryview(bytearray(scoreboard.size(1))), 0), socket.socket(), -1)
assert not copy.freeze() and not copy.holds_nothing(frozenset()) and not copy.look(frozenset())
copy.thaw()
copy.kill()
copy.close()
"""


def test_nobody_is_stopped_or_ended_before_it_has_told_its_pid() -> None:
    """Least of all we ourselves, who are 0 for kill(2): in a group of its own, because that stops all of it."""
    with subprocess.Popen([sys.executable, "-c", UNKNOWN], cwd=ROOT, start_new_session=True) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        process.kill()
    assert status == 0


def test_who_is_gone_is_no_trouble() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, copy_of(listener, "") as (copy, process):
        process.wait()
        assert copy.freeze() and copy.holds_nothing(Connections(listener).accepted())
        copy.thaw()
        copy.signal_all(0)


def test_closing_ends_what_it_left_running() -> None:
    code = "import os, sys, time; print(os.getpid() if os.fork() else '', flush=True) or os.getppid() == 1 or time.sleep(1000)"
    with socket.create_server(("127.0.0.1", 0)) as listener, copy_of(listener, code) as (copy, process):
        assert process.stdout is not None
        process.stdout.readline()
        copy.close()
        assert process.stdout.read() is not None, "nobody holds the pipe any more"
        assert os.waitstatus_to_exitcode(os.waitpid(process.pid, 0)[1]) == -9
        process.returncode = -9
