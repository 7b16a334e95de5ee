"""Where a worker's connections come from, and where they go."""

from __future__ import annotations

import socket
from typing import List, NamedTuple, Optional, Tuple

from fcgipm import orders


class Listener(NamedTuple):
    sock: socket.socket
    family: int
    """Kept here as a number: the socket makes an enum member of it every time it is asked (0.8 µs)."""
    allow: Optional[List[str]]
    tcp: bool


class Doors(NamedTuple):
    """Where connections come from and go to; shared by all loops of a process."""

    listeners: List[Listener]
    give: socket.socket
    take: socket.socket
    wake: socket.socket
    """Readable once the worker is to leave."""
    channel: socket.socket
    trial: Optional[socket.socket]
    """The handover of a worker that is tried before it may serve; its doors stay shut meanwhile."""

    def wake_master(self) -> None:
        """It sleeps until somebody is busy."""
        try:
            self.channel.send(orders.BUSY, socket.MSG_DONTWAIT)
        except OSError:
            pass  # The order thread notices a master that is gone; a full channel wakes it anyway.


def peer(address: Tuple[str, ...]) -> str:
    """The IP address of an accepted connection; an IPv4 peer of an IPv6 listener by its own name."""
    return address[0][7:] if address[0].startswith("::ffff:") else address[0]
