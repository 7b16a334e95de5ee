"""A copy of a foreign program as its keeper sees it: what it holds, freezing it, and what is written about it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fcgipm import scoreboard
from fcgipm.worker.keeper_copy import Copy
from fcgipm.worker.keeper_holding import Connections, rests
from tests.support.daemon import eventually

ACCEPTS = "import socket; s = socket.socket(fileno=0); c = s.accept()[0]; c.send(b'a'); c.recv(1); c.close(); print('closed', flush=True); s.accept()"


@contextmanager
def copy_of(listener: socket.socket, code: str = ACCEPTS) -> Iterator[tuple[Copy, subprocess.Popen[bytes]]]:
    """A process that accepts, holds until it hears a byte, and lets go; and the copy that stands for it."""
    board = memoryview(bytearray(scoreboard.size(1)))
    with subprocess.Popen([sys.executable, "-c", code], stdin=listener, stdout=subprocess.PIPE, start_new_session=True) as process:
        ours, theirs = socket.socketpair()
        copy = Copy(0, scoreboard.words(board, 0), ours, -1)
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
