"""Kept connections: nothing lost, nobody waits on a busy worker while an idle one exists (case F87)."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

import pytest

from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import Connection, environ
from tests.support.load import FULL, Load, Shot, ask_all, kept_request
from tests.support.nginx import Nginx

PROMPT = 0.1
"""Seconds within which whoever could be served is answered."""

SLEEPS = {"web": {"app": "sleep:application", "workers": 2}}


def mixed_shots(number: int) -> Iterator[Shot]:
    """GET and POST, 0 and 5 ms, in turn."""
    kinds = [
        Shot("GET", "/?s=0", expect=lambda body: body.endswith(b" 0")),
        Shot("POST", "/?s=0", b"x" * 100, lambda body: body.endswith(b" 100")),
        Shot("GET", "/?s=0.005", expect=lambda body: body.endswith(b" 0")),
        Shot("POST", "/?s=0.005", b"x" * 5000, lambda body: body.endswith(b" 5000")),
    ]
    return islice((kind for _ in iter(int, 1) for kind in kinds), number)


@pytest.mark.timeout(180)
def test_ten_thousand_mixed_requests(
    daemon_factory: Callable[..., Daemon], nginx_factory: Callable[..., Nginx]
) -> None:
    nginx = nginx_factory(daemon_factory(SLEEPS).address(), processes=2)
    outcome = Load(nginx.port, mixed_shots(10_000), clients=24).start().finish()
    assert (outcome.answered, outcome.failures[:5]) == (10_000, [])


def has_left(daemon: Daemon, worker: int) -> bool:
    return worker not in daemon.workers()


@pytest.mark.timeout(1800 if FULL else 180)
def test_worker_retired_by_term_under_posts(
    daemon_factory: Callable[..., Daemon], nginx_factory: Callable[..., Nginx]
) -> None:
    """nginx repeats no POST: a single kept connection closed at the wrong moment would be a failure."""
    number = 100_000 if FULL else 10_000
    daemon = daemon_factory(SLEEPS)
    nginx = nginx_factory(daemon.address(), processes=2)
    load = Load(nginx.port, (Shot("POST", "/", b"x" * 200, lambda body: body.endswith(b" 200")) for _ in range(number)))
    load.start()
    retired = 0
    while load.wait_for((retired + 1) * 800):
        worker = daemon.workers()[0]
        os.kill(worker, signal.SIGTERM)
        retired += 1
        eventually(partial(has_left, daemon, worker), "the retired worker has left")
    outcome = load.finish()
    assert (outcome.answered, outcome.failures[:5]) == (number, [])
    assert retired >= 5


@pytest.fixture
def kept(daemon_factory: Callable[..., Daemon]) -> Iterator[tuple[Daemon, list[Connection]]]:
    """A pool of two workers, and a list for kept connections to it."""
    connections: list[Connection] = []
    yield daemon_factory(SLEEPS), connections
    for connection in connections:
        connection.close()


def hold(daemon: Daemon, connections: list[Connection], at_least: int) -> None:
    """Open kept connections until each of the two workers has served so many for the first time. Two at once, so that both workers take one."""
    served: Counter[bytes] = Counter()
    for _ in range(200):
        pair = [Connection(daemon.address(), timeout=20) for _ in range(2)]
        connections += pair
        for answer in ask_all(pair, kept_request(environ("/?s=0.01"))):
            served[answer.reply.body.split(b" ")[0]] += 1
        if len(served) == 2 and min(served.values()) >= at_least:
            return
    raise AssertionError(f"one worker takes everything: {served}")


@pytest.mark.alone
def test_f87_idle_kept_connections_do_not_keep_a_fresh_client_waiting(kept: tuple[Daemon, list[Connection]]) -> None:
    daemon, connections = kept
    hold(daemon, connections, 16)
    for _ in range(20):
        with Connection(daemon.address()) as fresh:
            (answer,) = ask_all([fresh], kept_request(environ("/")))
            assert answer.reply.status == 200
            assert answer.seconds < PROMPT


@pytest.mark.alone
def test_one_slow_request_keeps_none_of_24_kept_connections_waiting(kept: tuple[Daemon, list[Connection]]) -> None:
    daemon, connections = kept
    hold(daemon, connections, 1)
    while len(connections) < 24:
        connections.append(Connection(daemon.address(), timeout=20))
    slow, *others = connections[:24]
    ask_all(others, kept_request(environ("/")))
    slow.send(kept_request(environ("/?s=2")))
    answers = [answer for _ in range(5) for answer in ask_all(others, kept_request(environ("/")))]
    assert max(answer.seconds for answer in answers) < PROMPT
    assert slow.quiet(0), "the slow request ended before the others were asked"
    assert slow.read_reply().status == 200
