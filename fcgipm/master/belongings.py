"""What exists once in a daemon and is known from outside: lock, control socket, pid file, listeners. It all goes away with the daemon."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from fcgipm.system.errors import SystemProblem
from fcgipm.system.listeners import Listener
from fcgipm.system.lock import Lock
from fcgipm.system.unix_sockets import Inode, unlink_if_same


class Belongings:
    """`listeners` are the open ones of all pools and embedded servers, by address."""

    def __init__(self, lock: Lock, control: tuple[str, socket.socket, Inode]) -> None:
        self.lock = lock
        self.control = control
        self.listeners: dict[str, Listener] = {}
        self.pid_file: str | None = None

    def of(self, settings: Mapping[str, Any]) -> list[Listener]:
        """The listeners of one pool, in the order of its configuration."""
        return [self.listeners[one["address"]] for one in settings["listen"]]

    def record(self) -> None:
        """Have the lock tell a successor which addresses are ours."""
        self.lock.record(list(self.listeners))

    def write_pid_file(self, path: str | None) -> None:
        """Our pid stands there from now on, and nowhere else. Raises SystemProblem; then it stands where it stood."""
        if path == self.pid_file:
            return
        if path is not None:
            _write_pid(path)
        self.remove_pid_file()
        self.pid_file = path

    def remove_pid_file(self) -> None:
        """If it still is ours."""
        if self.pid_file is None:
            return
        with suppress(OSError):
            with open(self.pid_file, encoding="ascii") as file:
                ours = file.read().strip() == str(os.getpid())
            if ours:
                os.unlink(self.pid_file)

    def take_away(self) -> None:
        """All of it but the control socket itself, through which the end is told."""
        self.remove_pid_file()
        path, _, inode = self.control
        unlink_if_same(path, inode)
        take_away(self.listeners.values())
        self.lock.release()


def take_away(listeners: Iterable[Listener]) -> None:
    """Unlink and close them, where that has not been done."""
    for listener in listeners:
        if listener.published:
            listener.unlink()
        listener.close()


def _write_pid(path: str) -> None:
    """Whole or not at all."""
    temporary = f"{path}.{os.getpid()}"
    try:
        with open(temporary, "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        os.rename(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise SystemProblem(f"cannot write the pid file {path}: {error.strerror}") from error
