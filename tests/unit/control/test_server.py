"""Both ends of the control socket, over real sockets and without a daemon."""

from __future__ import annotations

import os
import resource
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fcgipm.control import client, protocol
from fcgipm.control.server import ANSWER_LIMIT, ControlServer, Session, allow_peers


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "control.sock")


@pytest.fixture
def server(path: str) -> Iterator[ControlServer]:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(8)
    listening.setblocking(False)
    server = ControlServer(listening, allow_peers(None))
    yield server
    server.close()


@pytest.fixture
def peer(path: str, server: ControlServer) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        yield connection


def accepted(server: ControlServer) -> Session:
    session = server.accept()
    assert session is not None
    return session


def test_one_request_one_answer(server: ControlServer, peer: socket.socket) -> None:
    session = accepted(server)
    assert session.on_readable() is None
    peer.sendall(b'{"command": ')
    assert session.on_readable() is None
    peer.sendall(b'"ping"}\n')
    assert session.on_readable() == {"command": "ping"}
    session.send(protocol.progress("half"))
    session.answer(protocol.result("whole"))
    assert session.ended
    server.drop(session)
    assert peer.makefile("rb").readlines() == [b'{"progress":"half"}\n', b'{"result":"whole"}\n']


def test_a_second_request_is_not_heard(server: ControlServer, peer: socket.socket) -> None:
    session = accepted(server)
    peer.sendall(b'{"command": "ping"}\n{"command": "stop"}\n')
    assert session.on_readable() == {"command": "ping"}
    peer.sendall(b'{"command": "stop"}\n')
    assert session.on_readable() is None


@pytest.mark.parametrize("noise", [b"hello\n", b"x" * 70000])
def test_noise_is_refused(server: ControlServer, peer: socket.socket, noise: bytes) -> None:
    session = accepted(server)
    peer.sendall(noise)
    while not session.ended:
        assert session.on_readable() is None
    server.drop(session)
    assert protocol.decode_answer(peer.makefile("rb").readline())["result"] is None


def test_a_client_that_leaves_ends_its_session(server: ControlServer, peer: socket.socket) -> None:
    session = accepted(server)
    peer.close()
    assert session.on_readable() is None and session.ended


def test_a_client_that_closed_its_own_half_gets_its_answer(server: ControlServer, peer: socket.socket) -> None:
    session = accepted(server)
    peer.sendall(b'{"command": "stop"}\n')
    peer.shutdown(socket.SHUT_WR)
    assert session.on_readable() == {"command": "stop"}
    assert session.on_readable() is None and session.heard_all and not session.ended
    session.answer(protocol.result("stopped"))
    server.drop(session)
    assert peer.makefile("rb").read() == b'{"result":"stopped"}\n'


def test_a_client_that_left_after_its_request_ends_its_session(server: ControlServer, peer: socket.socket) -> None:
    session = accepted(server)
    peer.sendall(b'{"command": "stop"}\n')
    peer.close()
    assert session.on_readable() == {"command": "stop"}
    assert session.on_readable() is None and session.ended


def test_a_client_that_does_not_read_is_dropped(server: ControlServer, peer: socket.socket) -> None:
    session = accepted(server)
    session.send(b"x" * 1000000)
    assert session.wants_write and not session.ended
    session.send(b"x" * ANSWER_LIMIT)
    session.send(b"x" * 1000000)
    assert session.ended


def test_a_long_answer_goes_out_as_it_is_read(server: ControlServer, peer: socket.socket) -> None:
    session = accepted(server)
    session.answer(b"x" * 2000000 + b"\n")
    received = 0
    while not session.ended:
        received += len(peer.recv(65536))
        session.on_writable()
    server.drop(session)
    while data := peer.recv(65536):
        received += len(data)
    assert received == 2000001


def test_who_may_not_command_is_told_so(path: str) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    server = ControlServer(listening, lambda _connection: False)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        assert server.accept() is None and server.sessions == []
        assert "not allowed" in protocol.decode_answer(peer.makefile("rb").readline())["error"]
    server.close()


def test_out_of_descriptors_the_client_is_turned_away(server: ControlServer, peer: socket.socket) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
    hoard = []
    try:
        with pytest.raises(OSError, match="Too many"):
            while True:
                hoard.append(os.open("/dev/null", os.O_RDONLY))
        assert server.accept() is None
        assert not select.select([server], [], [], 0)[0], "the selector would report this client for ever"
    finally:
        for descriptor in hoard:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert peer.recv(1) == b""


class TestClient:
    @pytest.fixture
    def answer(self, server: ControlServer) -> Iterator[Callable[..., None]]:
        """Serves one client with these lines, in a thread that has ended when the test ends."""
        threads: list[threading.Thread] = []

        def serve(lines: tuple[bytes, ...]) -> None:
            select.select([server], [], [], 5)
            session = accepted(server)
            select.select([session], [], [], 5)
            session.on_readable()
            for line in lines:
                session.send(line)
            server.drop(session)

        def start(*lines: bytes) -> None:
            threads.append(threading.Thread(target=serve, args=(lines,)))
            threads[-1].start()

        yield start
        for thread in threads:
            thread.join()

    def test_progress_and_result(self, answer: Callable[..., None], path: str) -> None:
        answer(protocol.progress("1"), protocol.progress("2"), protocol.result({"a": 1}))
        seen: list[str] = []
        assert client.ask(path, {"command": "x"}, seen.append) == {"a": 1}
        assert seen == ["1", "2"]

    def test_a_refusal(self, answer: Callable[..., None], path: str) -> None:
        answer(protocol.refusal("there is no pool 'x'"))
        with pytest.raises(client.ControlRefused, match="there is no pool 'x'"):
            client.ask(path, {"command": "x"})

    def test_a_daemon_that_dies_before_it_answers(self, answer: Callable[..., None], path: str) -> None:
        answer(protocol.progress("1"))
        with pytest.raises(client.NotRunning, match="went away"):
            client.ask(path, {"command": "x"})

    @pytest.mark.parametrize("noise", [b"HTTP/1.1 400 Bad Request\n", b"[]\n"])
    def test_somebody_else_answers(self, answer: Callable[..., None], path: str, noise: bytes) -> None:
        answer(noise)
        with pytest.raises(client.ControlRefused, match="what answers at .* is no fcgipm"):
            client.ask(path, {"command": "x"})

    def test_no_daemon(self, tmp_path: Path) -> None:
        with pytest.raises(client.NotRunning, match=r"^no daemon answers at .*: start one with `fcgipm run`, or name the one meant"):
            client.ask(str(tmp_path / "none.sock"), {"command": "x"})

    def test_a_daemon_that_is_silent(self, server: ControlServer, path: str) -> None:
        with pytest.raises(client.ControlRefused, match=r"no answer within 0\.05 s"):
            client.ask(path, {"command": "x"}, timeout=0.05)
