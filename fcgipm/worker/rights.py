"""Messages with descriptors, none of which a program that starts in this moment may inherit."""

from __future__ import annotations

import socket
from array import array
from typing import List, Tuple

from fcgipm import orders


def receive(channel: socket.socket, most: int, flags: int = 0) -> Tuple[bytes, List[int]]:
    """The next message, b"" at the channel's end, and at most so many descriptors, close-on-exec. Raises OSError.

    (socket.recv_fds drops its flags in CPython 3.9 to 3.13, and with them MSG_CMSG_CLOEXEC.)
    """
    numbers = array("i")
    room = socket.CMSG_SPACE(most * numbers.itemsize)
    message, ancillary, _, _ = channel.recvmsg(orders.MESSAGE_LIMIT, room, flags | socket.MSG_CMSG_CLOEXEC)
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
    return message, list(numbers)
