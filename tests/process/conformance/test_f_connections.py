"""Cases F78 to F91: the life of connections, of workers, of listeners."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.process.conformance.conftest import listener
from tests.process.conformance.helpers import ask, asked, assert_alive, head, notes, open_to, send_and_begin, start
from tests.support.daemon import Daemon
from tests.support.fastcgi import STDIN, STDOUT, Connection, environ, record
from tests.support.gate import Gate
from tests.support.live_worker import LiveWorker, Worker

DaemonFactory = Callable[..., Daemon]


def pid_of(connection: Connection) -> int:
    """The worker that answers on this kept connection now."""
    return int(connection.ask(environ("/pid"), keep=True).body)


def by_pid(live: LiveWorker, pid: int) -> Worker:
    return next(worker for worker in live.workers if worker.pid == pid)


def kept_connections(live: LiveWorker, stack: contextlib.ExitStack, number: int) -> list[Connection]:
    """So many connections, each of which has had a request."""
    connections = [stack.enter_context(open_to(live)) for _ in range(number)]
    for connection in connections:
        assert connection.ask(environ("/hello"), keep=True).status == 200
    return connections


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


def test_f88_overflow_of_the_backlog_is_the_kernels(tmp_path: Path) -> None:
    """A full backlog refuses at once on a unix socket (nginx: 502); what is in the queue is served. The backlog is a pool's `listen.backlog`."""
    small = socket.socket(socket.AF_UNIX)
    small.bind(str(tmp_path / "s"))
    small.listen(1)
    with start(listen=small) as live, Gate() as gate, contextlib.ExitStack() as stack:
        busy = stack.enter_context(open_to(live))
        busy.send(asked("/at-gate", GATE=gate.path))
        gate.arrival()
        queued = [stack.enter_context(open_to(live)) for _ in range(2)]
        for connection in queued:
            connection.send(asked("/hello"))
        with socket.socket(socket.AF_UNIX) as refused:
            refused.setblocking(False)
            with pytest.raises(BlockingIOError):
                refused.connect(str(tmp_path / "s"))
        gate.open()
        assert busy.read_reply().body == b"after the gate"
        assert [connection.read_reply().body for connection in queued] == [b"hello"] * 2


def connect_from(source: str, live: LiveWorker) -> Connection:
    connection = Connection.__new__(Connection)
    connection.socket = socket.create_connection(live.listener.getsockname(), 10, (source, 0))
    connection._buffer = b""
    return connection


def test_f89_other_peers_are_closed() -> None:
    with start(
        listen=listener(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)), allow=["127.0.0.2", "127.0.0.4"]
    ) as live:
        for source, allowed in (
            ("127.0.0.2", True),
            ("127.0.0.3", False),
            ("127.0.0.1", False),
            ("127.0.0.4", True),
            ("127.0.0.22", False),
        ):
            with connect_from(source, live) as connection:
                if allowed:
                    assert connection.ask(environ("/hello")).body == b"hello"
                else:
                    with contextlib.suppress(ConnectionError):
                        connection.send(asked("/hello"))
                    assert connection.read_to_end() == b""
                    live.output.take(f"^refused a connection from {source},")
        with connect_from("127.0.0.2", live) as connection:
            assert connection.ask(environ("/notes")).body == b'["called hello", "called hello"]'


def test_f89_allowed_on_ipv6() -> None:
    with start(listen=listener(socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)), allow=["::1"]) as live:
        assert ask(live).body == b"hello"
    with start(listen=listener(socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)), allow=["::2"]) as live:
        with open_to(live) as connection:
            assert connection.at_end()
        live.output.take("^refused a connection from ::1,")


def test_f89_ipv4_peers_of_an_ipv6_listener() -> None:
    """They come as ::ffff:127.0.0.1, and are 127.0.0.1 all the same."""
    both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    with start(listen=both, allow=["127.0.0.1"]) as live:
        port = both.getsockname()[1]
        with Connection(f"127.0.0.1:{port}") as connection:
            assert connection.ask(environ("/hello")).body == b"hello"
        with Connection(f"[::1]:{port}") as connection:
            assert connection.at_end()
        live.output.take("^refused a connection from ::1,")


def run_with_stdin(daemon: Daemon, sock: socket.socket) -> Daemon:
    """Start the daemon with a listening socket as its descriptor 0."""
    wrapped = daemon._python
    daemon._python = str(daemon.folder / "python")
    Path(daemon._python).write_text(
        f"#!{wrapped}\nimport os, sys\nos.dup2({sock.fileno()}, 0)\nos.execv({wrapped!r}, [{wrapped!r}, *sys.argv[1:]])\n"
    )
    Path(daemon._python).chmod(0o755)
    return daemon.start()


def test_f90_listening_socket_on_descriptor_0(tmp_path: Path) -> None:
    with listener(socket.AF_UNIX, socket.SOCK_STREAM, str(tmp_path / "s")) as sock:
        daemon = Daemon({"web": {"app": "cases:application", "listen": "fd:0"}}, pass_fds=[sock.fileno()])
        with run_with_stdin(daemon, sock), Connection(f"unix:{tmp_path}/s") as connection:
            assert connection.ask(environ("/hello")).body == b"hello"


def test_f91_path_too_long(tmp_path: Path) -> None:
    daemon = Daemon({"web": {"app": "cases:application", "listen": f"unix:/tmp/{'x' * 110}.sock"}})
    assert daemon.run_to_end() in (71, 78)
    assert re.search(r"107", daemon.text), daemon.text


def test_f91_stale_socket_file_is_replaced(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    path = tmp_path / "stale.sock"
    listener(socket.AF_UNIX, socket.SOCK_STREAM, str(path)).close()
    daemon = daemon_factory({"web": {"app": "cases:application", "listen": f"unix:{path}"}})
    with Connection(daemon.address()) as connection:
        assert connection.ask(environ("/hello")).body == b"hello"


def test_f91_live_listener_on_the_path_refuses_to_start(tmp_path: Path) -> None:
    path = tmp_path / "live.sock"
    with listener(socket.AF_UNIX, socket.SOCK_STREAM, str(path)) as sock:
        daemon = Daemon({"web": {"app": "cases:application", "listen": f"unix:{path}"}})
        assert daemon.run_to_end() == 71
        assert str(path) in daemon.text
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            sock.accept()[0].close()


def test_f91_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("precious")
    daemon = Daemon({"web": {"app": "cases:application", "listen": f"unix:{path}"}})
    assert daemon.run_to_end() in (71, 78)
    assert str(path) in daemon.text and path.read_text() == "precious"


def test_f91_missing_folder_is_named() -> None:
    daemon = Daemon({"web": {"app": "cases:application", "listen": "unix:/tmp/no/such/folder/web.sock"}})
    assert daemon.run_to_end() in (71, 78)
    assert "/tmp/no/such/folder" in daemon.text


@pytest.mark.parametrize("mode", ["0600", "0660", "0666"])
def test_f91_mode_of_the_socket_file(daemon_factory: DaemonFactory, tmp_path: Path, mode: str) -> None:
    path = tmp_path / "web.sock"
    daemon_factory({"web": {"app": "cases:application", "listen": {"address": f"unix:{path}", "mode": mode}}})
    assert stat.S_IMODE(path.stat().st_mode) == int(mode, 8)


@pytest.mark.root
def test_f91_owner_of_the_socket_file(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    daemon_factory(
        {
            "web": {
                "app": "cases:application",
                "listen": {"address": f"unix:{path}", "owner": "www-data", "group": "www-data"},
            }
        }
    )
    assert (path.owner(), path.group()) == ("www-data", "www-data")


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
