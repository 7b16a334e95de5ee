"""Nobody waits on a busy worker while an idle one exists: the master notices who is stuck, and has its kept connections given away."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import Connection, environ, request
from tests.support.gate import Gate
from tests.support.rest import rested

DaemonFactory = Callable[..., Daemon]

CASES = {"app": "cases:application"}


def kept(daemon: Daemon, stack: contextlib.ExitStack, count: int) -> dict[Connection, int]:
    """Connections that each had one request, and the worker that has each."""
    connections = [stack.enter_context(Connection(daemon.address())) for _ in range(count)]
    for connection in connections:
        connection.send(request(environ("/pid"), keep=True))
    return {connection: int(connection.read_reply().body) for connection in connections}


@pytest.mark.alone
def test_24_kept_connections_over_2_workers_one_of_them_busy(daemon_factory: DaemonFactory) -> None:
    """All others are answered within 100 ms, though the busy worker kept half of them; and again, for whoever kept them then."""
    daemon = daemon_factory({"web": {**CASES, "workers": 2}})
    with contextlib.ExitStack() as stack:
        owners = kept(daemon, stack, 24)
        for _ in range(3):
            with Gate() as gate:
                busy, *others = owners
                busy.send(request(environ("/at-gate", GATE=gate.path), keep=True))
                gate.arrival()
                begun = time.monotonic()
                for connection in others:
                    connection.send(request(environ("/pid"), keep=True))
                answers = {int(connection.read_reply().body) for connection in others}
                assert time.monotonic() - begun < 0.1
                assert len(answers) == 1
                gate.open()
                assert busy.read_reply().complete


def test_it_works_again_after_the_master_slept(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": {**CASES, "workers": 2}})
    with contextlib.ExitStack() as stack:
        owners = kept(daemon, stack, 8)
        eventually(lambda: rested([daemon.pid], 0.2), "the master sleeps")
        with Gate() as gate:
            busy, *others = owners
            busy.send(request(environ("/at-gate", GATE=gate.path), keep=True))
            gate.arrival()
            for connection in others:
                assert connection.ask(environ("/hello"), keep=True).body == b"hello"
            gate.open()
            assert busy.read_reply().complete


def test_kept_connections_outlive_the_worker_that_kept_them(daemon_factory: DaemonFactory) -> None:
    """TERM to every worker in turn, again and again: the connections go from hand to hand."""
    daemon = daemon_factory({"web": {**CASES, "workers": 2}})
    with contextlib.ExitStack() as stack:
        connections = list(kept(daemon, stack, 16))
        for _ in range(4):
            before = set(daemon.workers())
            for pid in before:
                os.kill(pid, signal.SIGTERM)
            for connection in connections:
                assert connection.ask(environ("/hello"), keep=True).body == b"hello"
            eventually(partial(all_new, daemon, before), "new workers alone")


def all_new(daemon: Daemon, before: set[int]) -> bool:
    return not before & set(daemon.workers())
