"""Listening sockets: what they are like, and what is said when they cannot be (conformance case F91)."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fcgipm.system.errors import SystemProblem
from fcgipm.system.listeners import Listener, open_listener
from fcgipm.system.unix_sockets import PATH_LIMIT


def settings(address: str, **more: Any) -> dict[str, Any]:
    return {"address": address, "mode": 0o660, "uid": None, "gid": None, "backlog": 16, "allow": None, **more}


@pytest.fixture
def opened() -> Iterator[list[Listener]]:
    listeners: list[Listener] = []
    yield listeners
    for listener in listeners:
        listener.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "web.sock"


def reaches(address: Any, family: int = socket.AF_UNIX) -> bool:
    with socket.socket(family) as client:
        client.setblocking(family != socket.AF_UNIX)
        try:
            client.connect(address)
        except BlockingIOError:  # A full queue is somebody's.
            return True
        except OSError:
            return False
        return True


class TestUnix:
    def test_it_listens_with_its_mode(self, path: Path, opened: list[Listener]) -> None:
        opened.append(open_listener(settings(f"unix:{path}", mode=0o640)))
        found = path.stat()
        assert stat.S_ISSOCK(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o640
        assert reaches(str(path)) and not opened[0].socket.getblocking() and not opened[0].socket.get_inheritable()

    def test_f91_nothing_but_the_socket_is_left_in_the_folder(self, path: Path, opened: list[Listener]) -> None:
        opened.append(open_listener(settings(f"unix:{path}")))
        assert os.listdir(path.parent) == ["web.sock"]
        opened[0].unlink()
        assert os.listdir(path.parent) == []

    def test_f91_the_umask_does_not_matter(self, path: Path, opened: list[Listener]) -> None:
        before = os.umask(0o777)
        try:
            opened.append(open_listener(settings(f"unix:{path}", mode=0o666)))
        finally:
            assert os.umask(before) == 0o777, "and is as it was"
        assert stat.S_IMODE(path.stat().st_mode) == 0o666

    @pytest.mark.root
    def test_f91_owner_and_group(self, path: Path, opened: list[Listener]) -> None:
        opened.append(open_listener(settings(f"unix:{path}", uid=33, gid=34)))
        assert (path.stat().st_uid, path.stat().st_gid) == (33, 34)
        path.unlink()
        opened.append(open_listener(settings(f"unix:{path}", gid=35)))
        assert (path.stat().st_uid, path.stat().st_gid) == (0, 35)

    def test_f91_a_stale_socket_is_replaced(self, path: Path, opened: list[Listener]) -> None:
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
        opened.append(open_listener(settings(f"unix:{path}")))
        assert reaches(str(path))

    def test_f91_a_live_listener_is_respected(self, path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as foreign:
            foreign.bind(str(path))
            foreign.listen()
            with pytest.raises(SystemProblem, match=f"another program listens on {path}"):
                open_listener(settings(f"unix:{path}"))
            assert reaches(str(path))

    def test_f91_a_live_listener_with_a_full_queue_is_respected_too(self, path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as foreign, socket.socket(socket.AF_UNIX) as client:
            foreign.bind(str(path))
            foreign.listen(0)
            client.connect(str(path))
            with pytest.raises(SystemProblem, match="another program listens"):
                open_listener(settings(f"unix:{path}"))

    def test_f91_a_datagram_socket_is_respected(self, path: Path) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as foreign:
            foreign.bind(str(path))
            with pytest.raises(SystemProblem, match="another program listens"):
                open_listener(settings(f"unix:{path}"))

    def test_what_a_killed_daemon_of_ours_left_behind_is_replaced_unasked(
        self, path: Path, opened: list[Listener]
    ) -> None:
        with socket.socket(socket.AF_UNIX) as leaving_worker:
            leaving_worker.bind(str(path))
            leaving_worker.listen()
            address = f"unix:{path}"
            opened.append(open_listener(settings(address), frozenset({address})))
            assert reaches(str(path))
            with pytest.raises(BlockingIOError):
                leaving_worker.setblocking(False)
                leaving_worker.accept()

    @pytest.mark.parametrize(("make", "kind"), [(Path.touch, "a regular file"), (Path.mkdir, "a folder")])
    def test_f91_what_is_no_socket_is_kept(self, path: Path, make: Any, kind: str) -> None:
        make(path)
        with pytest.raises(SystemProblem, match=f"{path} exists and is {kind}, no socket: remove it or choose another"):
            open_listener(settings(f"unix:{path}"))
        assert path.exists()

    def test_f91_a_symbolic_link_is_not_followed(self, path: Path) -> None:
        path.symlink_to(path.parent / "elsewhere")
        with pytest.raises(SystemProblem, match="a symbolic link"):
            open_listener(settings(f"unix:{path}"))

    def test_f91_a_path_of_107_bytes(self, tmp_path: Path, opened: list[Listener]) -> None:
        longest = os.path.join(tmp_path, "x" * (PATH_LIMIT - len(str(tmp_path)) - 1))
        opened.append(open_listener(settings(f"unix:{longest}")))
        assert reaches(longest)

    def test_f91_a_path_of_108_bytes(self, tmp_path: Path) -> None:
        path = os.path.join(tmp_path, "x" * (PATH_LIMIT - len(str(tmp_path))))
        with pytest.raises(SystemProblem, match="has 108 bytes, a unix socket's may have 107: choose a shorter one"):
            open_listener(settings(f"unix:{path}"))

    def test_f91_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(SystemProblem, match="the folder .*/none does not exist: create it"):
            open_listener(settings(f"unix:{tmp_path}/none/web.sock"))

    def test_f91_a_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(SystemProblem, match="/file is no folder"):
            open_listener(settings(f"unix:{tmp_path}/file/web.sock"))

    def test_somebody_elses_path_is_not_unlinked(self, path: Path, opened: list[Listener]) -> None:
        opened.append(open_listener(settings(f"unix:{path}")))
        path.unlink()
        path.touch()
        opened[0].unlink()
        assert path.exists()

    def test_while_one_takes_over_from_another_the_path_never_refuses(
        self, path: Path, opened: list[Listener]
    ) -> None:
        address = f"unix:{path}"
        opened.append(open_listener(settings(address)))
        done = threading.Event()
        failures: list[int] = []

        def knock() -> None:
            while not done.is_set():
                if not reaches(str(path)):
                    failures.append(1)

        client = threading.Thread(target=knock)
        client.start()
        for _ in range(50):
            opened.append(open_listener(settings(address, backlog=1024), frozenset({address})))
        done.set()
        client.join()
        assert not failures


class TestTcp:
    def test_version_4(self, opened: list[Listener]) -> None:
        port = free_port()
        opened.append(open_listener(settings(f"127.0.0.1:{port}")))
        assert reaches(("127.0.0.1", port), socket.AF_INET) and not opened[0].socket.getblocking()

    def test_version_6_is_version_6_alone(self, opened: list[Listener]) -> None:
        port = free_port()
        opened.append(open_listener(settings(f"[::]:{port}")))
        opened.append(open_listener(settings(f"0.0.0.0:{port}")))
        assert reaches(("::1", port), socket.AF_INET6) and reaches(("127.0.0.1", port), socket.AF_INET)

    def test_one_that_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as foreign:
            port = foreign.getsockname()[1]
            with pytest.raises(SystemProblem, match=f"cannot listen on 127.0.0.1:{port}: another program listens there"):
                open_listener(settings(f"127.0.0.1:{port}"))

    def test_one_that_a_leaving_worker_of_ours_still_holds_is_waited_for(self, opened: list[Listener]) -> None:
        foreign = socket.create_server(("127.0.0.1", 0))
        address = f"127.0.0.1:{foreign.getsockname()[1]}"
        threading.Timer(0.1, foreign.close).start()
        opened.append(open_listener(settings(address), frozenset({address})))

    def test_an_address_of_another_machine(self) -> None:
        with pytest.raises(SystemProblem, match="this machine has no address 192.0.2.7"):
            open_listener(settings("192.0.2.7:9000"))


class TestInherited:
    def test_a_listening_socket(self, opened: list[Listener]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as given:
            where = given.getsockname()
            opened.append(open_listener(settings(f"fd:{os.dup(given.fileno())}")))
        assert reaches(where, socket.AF_INET) and not opened[0].socket.get_inheritable()

    def test_it_is_not_unlinked(self, path: Path, opened: list[Listener]) -> None:
        with socket.socket(socket.AF_UNIX) as given:
            given.bind(str(path))
            given.listen()
            opened.append(open_listener(settings(f"fd:{os.dup(given.fileno())}")))
        opened[0].unlink()
        assert path.exists()

    def test_a_unix_socket_has_no_addresses_to_allow(self, path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as given:
            given.bind(str(path))
            given.listen()
            with pytest.raises(SystemProblem, match="is a unix socket, and `allow` is for TCP alone"):
                open_listener(settings(f"fd:{given.fileno()}", allow=["127.0.0.1"]))

    def test_one_that_is_not_open(self) -> None:
        with pytest.raises(SystemProblem, match="descriptor 999 is not open"):
            open_listener(settings("fd:999"))

    def test_no_socket(self, tmp_path: Path) -> None:
        with open(tmp_path / "file", "w") as file, pytest.raises(SystemProblem, match="is no socket"):
            open_listener(settings(f"fd:{file.fileno()}"))

    def test_a_socket_that_does_not_listen(self) -> None:
        with socket.socket() as given, pytest.raises(SystemProblem, match="no listening stream socket"):
            open_listener(settings(f"fd:{given.fileno()}"))

    def test_a_datagram_socket(self) -> None:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as given,
            pytest.raises(SystemProblem, match="no listening stream socket"),
        ):
            open_listener(settings(f"fd:{given.fileno()}"))


def free_port() -> int:
    """A port free on all addresses of both families a moment ago."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as probe:
        port: int = probe.getsockname()[1]
        return port
