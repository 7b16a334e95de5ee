"""What becomes of a listening socket between its making and its end: prepared, published, adopted by other settings, drained."""

from __future__ import annotations

import collections
import errno
import os
import select
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fcgipm.system.errors import SystemProblem
from fcgipm.system.listeners import Listener, open_listener, prepare
from tests.unit.system.test_listeners import free_port, reaches, settings

CLIENTS = 8


@pytest.fixture
def kept() -> Iterator[list[Listener]]:
    listeners: list[Listener] = []
    yield listeners
    for listener in listeners:
        listener.unlink()
        listener.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "web.sock"


@pytest.fixture
def no_chown(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for an ordinary user, also when the tests run as root; a chown to what the file has already is everybody's."""

    def chown(path: str, uid: int, gid: int) -> None:
        if uid not in (-1, os.geteuid()):
            raise PermissionError(errno.EPERM, "Operation not permitted", path)

    monkeypatch.setattr(os, "chown", chown)


class TestPrepared:
    def test_nobody_finds_it(self, path: Path, kept: list[Listener]) -> None:
        kept.append(prepare(settings(f"unix:{path}", mode=0o640)))
        assert not path.exists() and not reaches(str(path))
        [name] = os.listdir(path.parent)
        assert stat.S_IMODE((path.parent / name).stat().st_mode) == 0o640 and not reaches(str(path.parent / name))
        kept[0].publish()
        assert os.listdir(path.parent) == ["web.sock"] and reaches(str(path)) and kept[0].is_reachable

    def test_one_that_is_given_up_leaves_nothing(self, path: Path) -> None:
        prepare(settings(f"unix:{path}")).close()
        assert os.listdir(path.parent) == []

    def test_what_is_there_serves_on_until_it_is_published(self, path: Path, kept: list[Listener]) -> None:
        kept.append(open_listener(settings(f"unix:{path}")))
        address = f"unix:{path}"
        kept.append(prepare(settings(address), frozenset({address})))
        assert kept[0].is_reachable and not kept[1].is_reachable
        kept[1].publish()
        assert kept[1].is_reachable and not kept[0].is_reachable
        kept[0].unlink()
        assert path.exists(), "the path is the other's now"

    def test_several_of_one_folder(self, tmp_path: Path, kept: list[Listener]) -> None:
        kept += [prepare(settings(f"unix:{tmp_path}/{name}.sock")) for name in "abc"]
        assert len(os.listdir(tmp_path)) == 3
        for listener in kept:
            listener.publish()
        assert sorted(os.listdir(tmp_path)) == ["a.sock", "b.sock", "c.sock"]

    def test_a_path_that_is_taken_meanwhile(self, path: Path) -> None:
        prepared = prepare(settings(f"unix:{path}"))
        with socket.socket(socket.AF_UNIX) as foreign:
            foreign.bind(str(path))
            foreign.listen()
            with pytest.raises(SystemProblem, match=f"another program listens on {path}"):
                prepared.publish()
            prepared.close()
            assert os.listdir(path.parent) == ["web.sock"] and reaches(str(path))

    def test_a_folder_that_is_replaced_meanwhile_gets_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "run").mkdir()
        prepared = prepare(settings(f"unix:{tmp_path}/run/web.sock"))
        (tmp_path / "run").rename(tmp_path / "old")
        (tmp_path / "run").mkdir()
        prepared.publish()
        assert os.listdir(tmp_path / "run") == [] and not prepared.is_reachable
        (tmp_path / "old" / "web.sock").unlink()
        prepared.close()

    def test_one_that_cannot_be_made_leaves_nothing(self, path: Path, no_chown: None) -> None:
        with pytest.raises(SystemProblem, match="its owner or group may only be set by root"):
            prepare(settings(f"unix:{path}", uid=33))
        assert os.listdir(path.parent) == []

    def test_tcp(self, kept: list[Listener]) -> None:
        port = free_port()
        kept.append(prepare(settings(f"127.0.0.1:{port}")))
        assert not reaches(("127.0.0.1", port), socket.AF_INET)
        kept[0].publish()
        assert reaches(("127.0.0.1", port), socket.AF_INET) and kept[0].is_reachable

    def test_tcp_that_another_program_took_meanwhile(self, kept: list[Listener]) -> None:
        port = free_port()
        kept.append(prepare(settings(f"127.0.0.1:{port}")))
        with socket.create_server(("127.0.0.1", port)):
            with pytest.raises(SystemProblem, match="another program listens there"):
                kept[0].publish()


class TestAdopted:
    def test_mode_and_backlog_and_back(self, path: Path, kept: list[Listener]) -> None:
        address = f"unix:{path}"
        kept.append(open_listener(settings(address, mode=0o600, backlog=0)))
        undo = kept[0].adopt(settings(address, mode=0o666, backlog=5))
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 and queue_takes(path) == 6
        undo()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_shorter_queue_keeps_who_is_in_it(self, path: Path, kept: list[Listener]) -> None:
        address = f"unix:{path}"
        kept.append(open_listener(settings(address, backlog=5)))
        with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
            first.connect(str(path))
            second.connect(str(path))
            kept[0].adopt(settings(address, backlog=1))
            for _ in range(2):
                kept[0].socket.accept()[0].close()

    @pytest.mark.root
    def test_owner_and_group_and_back(self, path: Path, kept: list[Listener]) -> None:
        address = f"unix:{path}"
        kept.append(open_listener(settings(address, gid=34)))
        undo = kept[0].adopt(settings(address, uid=33, gid=35, mode=0o600))
        assert owned(path) == (33, 35, 0o600)
        undo()
        assert owned(path) == (0, 34, 0o660)

    @pytest.mark.root
    def test_an_owner_that_is_no_longer_named(self, path: Path, kept: list[Listener]) -> None:
        address = f"unix:{path}"
        kept.append(open_listener(settings(address, uid=33, gid=34)))
        kept[0].adopt(settings(address))
        assert owned(path) == (0, 0, 0o660)

    def test_what_is_not_allowed_changes_nothing(self, path: Path, kept: list[Listener], no_chown: None) -> None:
        address = f"unix:{path}"
        kept.append(open_listener(settings(address, mode=0o640)))
        with pytest.raises(SystemProblem, match=f"cannot change the socket {path}: its owner or group may only be set"):
            kept[0].adopt(settings(address, mode=0o606, uid=33, backlog=0))
        assert stat.S_IMODE(path.stat().st_mode) == 0o640 and queue_takes(path) == 17

    def test_somebody_elses_file_is_left_alone(self, path: Path, kept: list[Listener]) -> None:
        kept.append(open_listener(settings(f"unix:{path}")))
        path.unlink()
        assert not kept[0].is_reachable
        kept[0].adopt(settings(f"unix:{path}", mode=0o666))()
        path.touch(0o600)
        assert not kept[0].is_reachable
        kept[0].adopt(settings(f"unix:{path}", mode=0o666))()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_symbolic_link_is_not_followed(self, path: Path, kept: list[Listener]) -> None:
        kept.append(open_listener(settings(f"unix:{path}", mode=0o600)))
        path.rename(path.parent / "moved")
        path.symlink_to(path.parent / "moved")
        assert not kept[0].is_reachable
        kept[0].adopt(settings(f"unix:{path}", mode=0o666))
        assert stat.S_IMODE((path.parent / "moved").stat().st_mode) == 0o600

    def test_tcp(self, kept: list[Listener]) -> None:
        port = free_port()
        kept.append(open_listener(settings(f"127.0.0.1:{port}")))
        kept[0].adopt(settings(f"127.0.0.1:{port}", backlog=3))()
        assert reaches(("127.0.0.1", port), socket.AF_INET)


class TestDrained:
    def test_unix(self, path: Path, kept: list[Listener]) -> None:
        kept.append(open_listener(settings(f"unix:{path}")))
        clients = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for client in clients:
            client.connect(str(path))
        assert len(drained(kept[0])) == 3 and not path.exists()
        kept[0].drain(lambda connection: pytest.fail("nothing is left"))
        for client in clients:
            client.close()

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
    def test_tcp(self, host: str, kept: list[Listener]) -> None:
        port, family = free_port(), socket.AF_INET6 if ":" in host else socket.AF_INET
        kept.append(open_listener(settings(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")))
        clients = [socket.create_connection((host, port)) for _ in range(3)]
        taken = drained(kept[0])
        for client, connection in zip(clients, taken, strict=True):
            connection.sendall(b"both ways")
            assert client.recv(10) == b"both ways"
            client.sendall(b"both ways")
            assert connection.recv(10) == b"both ways"
            client.close()
            connection.close()
        assert not reaches((host, port), family)
        kept[0].drain(lambda connection: pytest.fail("nothing is left"))

    def test_others_that_hold_a_tcp_socket_find_it_shut(self, kept: list[Listener]) -> None:
        port = free_port()
        kept.append(open_listener(settings(f"127.0.0.1:{port}")))
        with kept[0].socket.dup() as other, select.epoll() as epoll:
            epoll.register(other, select.EPOLLIN)
            drained(kept[0])
            assert epoll.poll(5) == [(other.fileno(), select.EPOLLHUP)]
            with pytest.raises(OSError, match="Invalid argument"):
                other.accept()
            kept.append(open_listener(settings(f"127.0.0.1:{port}")))  # The address is free, although the other still holds the socket.

    def test_an_inherited_one_serves_on(self, kept: list[Listener]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as given:
            kept.append(open_listener(settings(f"fd:{os.dup(given.fileno())}")))
            with socket.create_connection(given.getsockname()):
                kept[0].turn_away()
                kept[0].drain(lambda connection: pytest.fail("it is not ours to drain"))
                kept[0].socket.accept()[0].close()
            assert reaches(given.getsockname(), socket.AF_INET)

    def test_without_descriptors_it_can_be_done_again(self, path: Path, kept: list[Listener]) -> None:
        kept.append(open_listener(settings(f"unix:{path}")))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            accept = kept[0].socket
            kept[0].socket = Starved(accept)  # type: ignore[assignment]
            with pytest.raises(OSError, match="Too many open files"):
                drained(kept[0])
            kept[0].socket = accept
            assert len(drained(kept[0])) == 1

    def test_nobody_who_connects_meanwhile_is_reset(self, kept: list[Listener]) -> None:
        """Eight clients connect, ask and read as fast as they can while a worker serves; then the listener is drained and shut."""
        port = free_port()
        for _ in range(5):
            listener = open_listener(settings(f"127.0.0.1:{port}", backlog=1024))
            kept.append(listener)
            ends: list[str] = []
            clients = [threading.Thread(target=ask_for_ever, args=(port, ends)) for _ in range(CLIENTS)]
            for client in clients:
                client.start()
            for _ in range(200):
                select.select([listener.socket], [], [])
                answer(listener.socket.accept()[0])
            listener.drain(answer)
            for client in clients:
                client.join()
            assert collections.Counter(ends) == {"refused": CLIENTS}


class Starved:
    """A listening socket of a process that has no descriptor left."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening

    def accept(self) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def drained(listener: Listener) -> list[socket.socket]:
    taken: list[socket.socket] = []
    listener.drain(taken.append)
    for connection in taken if listener.path else []:
        connection.close()
    return taken


def answer(connection: socket.socket) -> None:
    with connection:
        connection.setblocking(True)
        connection.recv(1)
        connection.sendall(b"!")


def ask_for_ever(port: int, ends: list[str]) -> None:
    ends.append(asked_for_ever(port))


def asked_for_ever(port: int) -> str:
    """How it ended: refused before anything was sent, or lost."""
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port), 20)
        except ConnectionRefusedError:
            return "refused"
        with connection:
            try:
                connection.sendall(b"?")
                if not connection.recv(1):
                    return "lost: closed"
            except OSError as error:
                return f"lost: {error}"


def owned(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def queue_takes(path: Path) -> int:
    """How many connections get into the queue, by trying."""
    clients: list[socket.socket] = []
    try:
        while len(clients) < 100:
            client = socket.socket(socket.AF_UNIX)
            clients.append(client)
            client.setblocking(False)
            client.connect(str(path))
        return len(clients)
    except BlockingIOError:
        return len(clients) - 1
    finally:
        for client in clients:
            client.close()
