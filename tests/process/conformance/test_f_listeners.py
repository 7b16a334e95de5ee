"""Cases F88 to F91: where connections come from."""

from __future__ import annotations

import contextlib
import re
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.process.conformance.conftest import listener
from tests.process.conformance.helpers import ask, asked, open_to, start
from tests.support.daemon import Daemon
from tests.support.fastcgi import Connection, environ
from tests.support.gate import Gate
from tests.support.live_worker import LiveWorker

DaemonFactory = Callable[..., Daemon]


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


def test_a_listener_that_is_shut_is_left_alone() -> None:
    """The master shuts a TCP listener that a reload takes away. epoll tells that for ever; an idle worker must not turn for ever."""
    with start(listen=listener(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))) as live:
        with open_to(live) as connection:
            connection.send(asked("/hello", keep=True))
            assert connection.read_reply().body == b"hello"
            live.listener.shutdown(socket.SHUT_RDWR)
            for _ in range(2):  # The kept connection is served on, behind the news.
                connection.send(asked("/hello", keep=True))
                assert connection.read_reply().body == b"hello"
            before = live.cpu()
            with pytest.raises(TimeoutError):
                connection.socket.settimeout(0.3)
                connection.socket.recv(1)
            assert live.cpu() - before < 0.05
