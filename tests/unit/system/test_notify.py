"""sd_notify by hand: where from, where to, and what becomes of errors."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from fcgipm.system.notify import Manager, Notifier, take_manager


@pytest.mark.parametrize(
    ("variables", "manager"),
    [
        ({}, Manager()),
        ({"NOTIFY_SOCKET": ""}, Manager()),
        ({"NOTIFY_SOCKET": "/run/n"}, Manager("/run/n")),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "3000000"}, Manager("@n", 3.0)),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "500000", "WATCHDOG_PID": "77"}, Manager("/n", 0.5)),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "500000", "WATCHDOG_PID": "78"}, Manager("/n")),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "0"}, Manager("/n")),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "-5"}, Manager("/n")),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "soon"}, Manager("/n")),
        ({"WATCHDOG_USEC": "500000"}, Manager()),
    ],
)
def test_who_started_us(variables: dict[str, str], manager: Manager) -> None:
    environ = {"HOME": "/", **variables}
    assert take_manager(environ, 77) == manager
    assert environ == {"HOME": "/"}
    assert take_manager(dict(manager.variables()), 77) == manager


@pytest.mark.parametrize("abstract", [False, True])
def test_a_datagram_arrives(tmp_path: Path, abstract: bool) -> None:
    name = f"@fcgipm-{os.getpid()}" if abstract else f"{tmp_path}/n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0") if abstract else name)
        notifier = Notifier(name)
        assert notifier.send("READY=1\nSTATUS=schön\n") is True
        assert manager.recv(100).decode() == "READY=1\nSTATUS=schön\n"
        notifier.close()


def test_a_manager_that_does_not_read(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{tmp_path}/n")
        notifier = Notifier(f"{tmp_path}/n")
        for _ in range(10000):
            if not notifier.send("WATCHDOG=1\n"):
                break
        else:
            pytest.fail("it was never full")
        manager.recv(100)
        assert notifier.send("READY=1\n") is True
        notifier.close()


def test_nobody_is_there(tmp_path: Path) -> None:
    notifier = Notifier(f"{tmp_path}/n")
    with pytest.raises(FileNotFoundError):
        notifier.send("READY=1\n")
    notifier.close()


@pytest.mark.parametrize("address", ["vsock:2:1", "n", "../n"])
def test_an_address_of_another_kind(address: str) -> None:
    with pytest.raises(OSError, match="of a kind that is not known"):
        Notifier(address)
