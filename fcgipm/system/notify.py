"""The service manager's socket: sd_notify(3) by hand, datagrams of ``NAME=value`` lines."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from typing import NamedTuple

_SOCKET, _USEC, _PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"


class Manager(NamedTuple):
    """Who started us, as our environment told."""

    address: str | None = None
    """A path, or an abstract name behind an ``@``; None: nobody listens."""
    watchdog: float | None = None
    """Seconds within which it wants a sign of life; None: never."""

    def variables(self) -> dict[str, str]:
        """The environment that tells it again, for a program that takes our place under the same pid."""
        told = {} if self.address is None else {_SOCKET: self.address}
        return told if self.watchdog is None else {**told, _USEC: str(round(self.watchdog * 1e6))}


def take_manager(environ: MutableMapping[str, str], pid: int) -> Manager:
    """Who started us; its variables are taken out of `environ`, so that no child speaks in our name. A watchdog for another `pid` is not ours."""
    address, usec, wanted = (environ.pop(name, "") for name in (_SOCKET, _USEC, _PID))
    ours = wanted in ("", str(pid)) and usec.isascii() and usec.isdigit() and int(usec) > 0
    return Manager(address or None, int(usec) / 1e6 if ours and address else None)


class Notifier:
    """Sends to the service manager, without ever waiting for it."""

    def __init__(self, address: str) -> None:
        """Raises OSError when there cannot be such a socket; nothing is sent yet."""
        if address[:1] not in ("/", "@"):
            raise OSError(f"an address of a kind that is not known: {address[:80]!a}")
        self._address = os.fsencode(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)  # Close-on-exec, as all of Python's.
        self._socket.setblocking(False)

    def send(self, text: str) -> bool:
        """One datagram of ``NAME=value`` lines; False: it did not fit now, and is to be sent again. Raises OSError: nobody is there."""
        try:
            self._socket.sendto(text.encode("utf-8", "backslashreplace"), self._address)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
