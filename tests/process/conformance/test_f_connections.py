"""Cases F78 to F91: the life of connections, of workers, of listeners."""

from __future__ import annotations

import contextlib
import os
import resource
import struct
import threading
import time
from collections.abc import Callable

import pytest

from tests.process.conformance.helpers import (
    ask,
    asked,
    assert_alive,
    by_pid,
    kept_connections,
    notes,
    open_to,
    pid_of,
    send_and_begin,
    start,
)
from tests.support.daemon import Daemon
from tests.support.fastcgi import STDOUT, Connection, environ
from tests.support.gate import Gate
from tests.support.live_worker import LiveWorker

DaemonFactory = Callable[..., Daemon]


def test_f78_without_keep_conn_all_bytes_arrive_and_the_worker_closes(live: LiveWorker, tcp: LiveWorker) -> None:
    for worker in (live, tcp):
        with open_to(worker) as connection:
            reply = connection.ask(environ("/big", SIZE="2000000"))
            assert len(reply.body) == 2_000_000 and reply.complete
            assert connection.at_end()


def test_f79_kept_connection_serves_on(connection: Connection) -> None:
    for number in range(100):
        body = b"%d" % number * number
        assert connection.ask(environ("/body", "POST", body), body, id=1 + number % 3, keep=True).body == body
    assert connection.ask(environ("/hello")).body == b"hello"
    assert connection.at_end()


def test_f80_idle_kept_connection_times_out_quietly() -> None:
    with start(timeouts={"keepalive": 0.2}) as live, open_to(live) as connection:
        assert connection.ask(environ("/hello"), keep=True).status == 200
        began = time.monotonic()
        assert connection.at_end()
        assert 0.15 < time.monotonic() - began < 5


def test_f80_each_request_begins_the_idle_time_anew() -> None:
    with start(timeouts={"keepalive": 0.4}) as live, open_to(live) as busy, open_to(live) as idle:
        assert idle.ask(environ("/hello"), keep=True).status == 200
        while idle.quiet(0.1):
            assert busy.ask(environ("/hello"), keep=True).status == 200
        assert idle.at_end()
        assert busy.ask(environ("/hello")).body == b"hello"


@pytest.mark.parametrize("stage", ["connected", "kept", "reading"])
def test_f80_what_came_in_time_is_served_by_a_worker_that_comes_late(stage: str) -> None:
    """The worker was busy for longer than any time-out; the peer was not late."""
    whole = asked("/hello")
    with (
        start(timeouts={"first_byte": 0.3, "keepalive": 0.3, "header": 0.3}) as live,
        Gate() as gate,
        open_to(live) as early,
        open_to(live) as busy,
    ):
        if stage == "kept":
            assert early.ask(environ("/hello"), keep=True).status == 200
        sent = 50 if stage == "reading" else 0
        early.send(whole[:sent])
        busy.send(asked("/at-gate", GATE=gate.path))
        gate.arrival()
        live.until(lambda: live.reading().kept == 1)
        early.send(whole[sent:])
        assert early.quiet(0.5)
        gate.open()
        assert busy.read_reply().body == b"after the gate"
        assert early.read_reply().body == b"hello"


def test_f81_reset_while_idle_is_quiet(tcp: LiveWorker) -> None:
    for _ in range(10):
        with open_to(tcp) as connection:
            assert connection.ask(environ("/hello"), keep=True).status == 200
            connection.reset()
    tcp.until(lambda: tcp.reading().kept == 0)
    assert_alive(tcp)


def test_f82_peer_closes_after_the_empty_stdout(live: LiveWorker, tcp: LiveWorker) -> None:
    """As nginx and Caddy do, END_REQUEST unread."""
    for worker in (live, tcp):
        for keep in (False, True):
            with open_to(worker) as connection:
                connection.send(asked("/hello", keep=keep))
                while (got := connection.read_record()) and (got.kind, got.content) != (STDOUT, b""):
                    pass
            assert_alive(worker)
        worker.until(lambda worker=worker: worker.reading().kept == 0)


def test_f82_peer_closes_before_the_empty_stdout(live: LiveWorker) -> None:
    """The whole body is there, its end is not: the worker writes the empty STDOUT and END to nobody."""
    with Gate() as gate:
        with open_to(live) as connection:
            connection.send(asked("/gated-blocks", keep=True, GATE=gate.path, BLOCKS='["all"]'))
            gate.arrival()
            assert connection.read_record()
        gate.open()
        assert notes(live)[-1] == "close"


def test_f83_head_whose_peer_drops_the_connection(live: LiveWorker) -> None:
    for _ in range(5):
        with open_to(live) as connection:
            assert connection.ask(environ("/sized", "HEAD"), keep=True).body == b""
    assert_alive(live)
    live.until(lambda: live.reading().kept == 0)


def test_f87_idle_kept_connections_do_not_pin_the_only_worker(live: LiveWorker) -> None:
    with contextlib.ExitStack() as stack:
        kept = kept_connections(live, stack, 16)
        live.until(lambda: live.reading().kept == 16)
        began = time.monotonic()
        assert ask(live).body == b"hello"
        assert time.monotonic() - began < 1
        for connection in kept:
            assert connection.ask(environ("/hello"), keep=True).body == b"hello"


def test_f87_silent_and_half_sent_connections_do_not_pin_the_only_worker(live: LiveWorker) -> None:
    whole = asked("/hello")
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(open_to(live)) for _ in range(32)]
        for number, connection in enumerate(held):
            connection.send(whole[: number * len(whole) // 33])
        assert ask(live).body == b"hello"
        for number, connection in enumerate(held):
            connection.send(whole[number * len(whole) // 33 :])
            assert connection.read_reply().body == b"hello"


@pytest.mark.parametrize("sent_before", [True, False])
def test_f87_a_busy_worker_gives_its_kept_connections_away(sent_before: bool) -> None:
    """24 kept connections over 2 workers, one of which is inside a request: the order HANDOVER frees its connections."""
    with start(workers=2) as live, Gate() as gate, contextlib.ExitStack() as stack:
        kept = kept_connections(live, stack, 24)
        busy = stack.enter_context(open_to(live))
        pid = pid_of(busy)
        busy.send(asked("/at-gate", keep=True, GATE=gate.path))
        gate.arrival()
        held = live.reading(by_pid(live, pid)).kept
        if sent_before:
            for connection in kept:
                connection.send(asked("/pid", keep=True))
            live.handover(by_pid(live, pid))
        else:
            live.handover(by_pid(live, pid))
            live.until(lambda: live.reading(by_pid(live, pid)).kept == 0)
            for connection in kept:
                connection.send(asked("/pid", keep=True))
        answered = [int(connection.read_reply().body) for connection in kept]
        assert pid not in answered, f"{held} connections were kept by the busy worker"
        gate.open()
        assert busy.read_reply().body == b"after the gate"


def test_f87_handover_to_an_idle_worker_is_harmless() -> None:
    with start() as live, contextlib.ExitStack() as stack:
        kept = kept_connections(live, stack, 4)
        live.handover()
        assert_alive(live)
        assert [pid_of(connection) for connection in kept] == [live.worker.pid] * 4


def test_f87_threads_serve_side_by_side() -> None:
    with start(threads=3) as live, Gate() as gate, contextlib.ExitStack() as stack:
        busy = []
        for _ in range(2):
            busy.append(stack.enter_context(open_to(live)))
            busy[-1].send(asked("/at-gate", keep=True, GATE=gate.path))
            gate.arrival()
        assert ask(live, "/echo").status == 200
        gate.open()
        gate.open()
        assert [connection.read_reply().body for connection in busy] == [b"after the gate"] * 2


def test_write_time_out() -> None:
    """No number: a peer that takes nothing any more loses its connection, and its application's iterator is closed."""
    with start(timeouts={"write": 0.2}) as live, open_to(live) as connection:
        send_and_begin(live, connection, asked("/endless"))
        assert "close" in notes(live)
        live.output.take("took no more of the response")
        connection.read_to_end()


def test_slow_reader_that_takes_a_little_is_no_time_out() -> None:
    with start(timeouts={"write": 0.5}) as live, open_to(live) as connection:
        connection.send(asked("/big", SIZE="3000000"))
        taken = 0
        while taken < 1_000_000:
            connection.quiet(0)
            taken += len(connection.socket.recv(100_000))
            threading.Event().wait(0.1)
        rest = connection.read_to_end()
        assert taken + len(rest) > 3_000_000 and rest.endswith(struct.pack(">IB3x", 0, 0))


def test_an_applications_child_holds_nothing_open() -> None:
    """The connection ends when the worker closes it, and the worker's own end is seen, though a child lives on."""
    with start() as live, Gate() as gate:
        with open_to(live) as connection:
            connection.send(asked("/with-child", GATE=gate.path))
            gate.arrival()
            assert connection.read_reply().body == b"parent" and connection.at_end()
        assert_alive(live)
        live.retire()
        assert live.worker.wait() == 0
        with pytest.raises(AssertionError, match="got b''"):
            live.worker.channel.expect(b"anything")


def test_out_of_descriptors_is_survived() -> None:
    """EMFILE: idle connections make room, the queue waits, and everybody who asks is answered."""
    whole = asked("/hello")
    with start() as live, contextlib.ExitStack() as stack:
        kept = kept_connections(live, stack, 4)
        highest = max(map(int, os.listdir(f"/proc/{live.worker.pid}/fd")))
        soft, hard = resource.prlimit(live.worker.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(live.worker.pid, resource.RLIMIT_NOFILE, (highest + 3, hard))
        more = [stack.enter_context(open_to(live)) for _ in range(12)]
        for connection in more:
            connection.send(whole[:50])
        live.output.take("^cannot accept a connection")
        assert all(connection.at_end() for connection in kept)
        for connection in more:
            connection.send(whole[50:])
        assert [connection.read_reply().body for connection in more] == [b"hello"] * 12
        resource.prlimit(live.worker.pid, resource.RLIMIT_NOFILE, (soft, hard))
        live.output.clear()
        assert_alive(live)


def test_a_child_that_the_application_forks_can_be_terminated(live: LiveWorker) -> None:
    """It inherits nothing of how a worker hears its signals: multiprocessing's terminate() and join() work."""
    assert ask(live, "/terminates-a-child").body == b"-15"


def test_f85_stop_does_not_wait_for_a_connection_that_was_handed_over() -> None:
    with start() as live, open_to(live) as connection:
        assert connection.ask(environ("/hello"), keep=True).status == 200
        first = live.worker
        (second,) = live.fork()
        live.retire(first)
        assert first.wait() == 0
        assert connection.ask(environ("/hello"), keep=True).status == 200
        live.stop(second)
        assert second.wait() == 0
        assert connection.at_end()
