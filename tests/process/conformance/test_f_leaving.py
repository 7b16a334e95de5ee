"""Cases F84 to F86: workers that retire, stop, die."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable

from tests.process.conformance.helpers import (
    asked,
    by_pid,
    head,
    kept_connections,
    open_to,
    pid_of,
    start,
)
from tests.support.daemon import Daemon
from tests.support.fastcgi import STDIN, Connection, environ, record
from tests.support.gate import Gate

DaemonFactory = Callable[..., Daemon]


def test_f84_last_request_of_a_retiring_worker() -> None:
    """It finishes, hands the kept connection to whoever is idle, and leaves; the connection never notices."""
    with start(workers=2) as live, Gate() as gate, open_to(live) as connection:
        old = by_pid(live, pid_of(connection))
        connection.send(asked("/at-gate", keep=True, GATE=gate.path))
        gate.arrival()
        live.retire(old)
        gate.open()
        assert connection.read_reply().body == b"after the gate"
        assert old.wait() == 0
        assert pid_of(connection) != old.pid


def test_f84_kept_connections_wait_for_a_successor() -> None:
    with start() as live, contextlib.ExitStack() as stack:
        connections = kept_connections(live, stack, 5)
        live.retire()
        assert live.worker.wait() == 0
        for connection in connections:
            connection.send(asked("/pid", keep=True))
        (successor,) = live.fork()
        assert {connection.read_reply().body for connection in connections} == {str(successor.pid).encode()}


def test_f84_retiring_with_requests_in_every_stage() -> None:
    """A retiring worker loses nothing: not what is being read, nor what was sent into a kept connection it has not looked at."""
    with start() as live, Gate() as gate, contextlib.ExitStack() as stack:
        kept = kept_connections(live, stack, 3)
        partial = stack.enter_context(open_to(live))
        partial.send(asked("/hello", keep=True)[:50])
        live.until(lambda: live.reading().kept == 4)
        busy = stack.enter_context(open_to(live))
        busy.send(asked("/at-gate", keep=True, GATE=gate.path))
        gate.arrival()
        for connection in kept:
            connection.send(asked("/body", keep=True, method="POST", body=b"posted"))
        live.retire()
        live.fork()
        gate.open()
        assert busy.read_reply().body == b"after the gate"
        partial.send(asked("/hello", keep=True)[50:])
        assert partial.read_reply().body == b"hello"
        assert [connection.read_reply().body for connection in kept] == [b"posted"] * 3
        assert live.worker.wait() == 0


def test_f84_a_worker_told_by_signal_asks_for_a_replacement() -> None:
    with start() as live, open_to(live) as connection:
        assert pid_of(connection) == live.worker.pid
        live.worker.signal(signal.SIGTERM)
        live.worker.channel.expect(b"RETIRING")
        assert live.worker.wait() == 0
        connection.send(asked("/hello"))
        live.fork()
        assert connection.read_reply().body == b"hello"


def test_f85_stop_mid_request() -> None:
    """The running request finishes; idle kept connections close at once; what waits in the queue is served."""
    with start() as live, Gate() as gate, contextlib.ExitStack() as stack:
        idle = kept_connections(live, stack, 3)
        busy = stack.enter_context(open_to(live))
        busy.send(asked("/at-gate", keep=True, GATE=gate.path))
        gate.arrival()
        queued = stack.enter_context(open_to(live))
        queued.send(asked("/hello"))
        live.stop()
        for connection in idle:
            assert connection.at_end()
        gate.open()
        assert busy.read_reply().body == b"after the gate"
        assert busy.at_end()
        assert queued.read_reply().body == b"hello"
        assert live.worker.wait() == 0


def test_f85_stop_spares_who_has_connected_and_not_asked_yet() -> None:
    """It was accepted, and its request is under way: to close now would lose it."""
    with start() as live, Gate() as gate, open_to(live) as early, open_to(live) as busy:
        live.until(lambda: live.reading().kept >= 1)
        busy.send(asked("/at-gate", GATE=gate.path))
        gate.arrival()
        live.stop()
        assert early.quiet(0.2)
        early.send(asked("/hello"))
        gate.open()
        assert busy.read_reply().body == b"after the gate"
        assert early.read_reply().body == b"hello"
        assert live.worker.wait() == 0


def test_f85_stop_while_a_body_arrives() -> None:
    with start() as live, open_to(live) as connection:
        connection.send(head("/body", length=9) + record(STDIN, b"some "))
        live.until(lambda: live.reading().begun == 1)
        live.stop()
        connection.send(record(STDIN, b"body") + record(STDIN))
        assert connection.read_reply().body == b"some body"
        assert live.worker.wait() == 0


def test_f85_the_channels_end_is_a_graceful_stop() -> None:
    """The master was killed: the worker finishes what runs, and leaves by itself."""
    with start() as live, Gate() as gate, contextlib.ExitStack() as stack:
        (idle,) = kept_connections(live, stack, 1)
        busy = stack.enter_context(open_to(live))
        busy.send(asked("/at-gate", keep=True, GATE=gate.path))
        gate.arrival()
        live.worker.channel.close()
        assert idle.at_end()
        gate.open()
        assert busy.read_reply().body == b"after the gate"
        assert live.worker.wait() == 0


def test_f86_killed_worker_is_replaced(daemon_factory: DaemonFactory) -> None:
    with Gate() as gate:
        daemon = daemon_factory({"web": {"app": "cases:application"}}, tolerate=["killed|SIGKILL|signal 9"])
        with Connection(daemon.address()) as connection:
            pid = int(connection.ask(environ("/pid"), keep=True).body)
            connection.send(asked("/gated-blocks", GATE=gate.path, BLOCKS='["first", "second"]'))
            gate.arrival()
            os.kill(pid, signal.SIGKILL)
            reply = connection.read_reply()
            assert b"first" in reply.stdout and not reply.complete
        with Connection(daemon.address()) as connection:
            assert int(connection.ask(environ("/pid")).body) != pid
