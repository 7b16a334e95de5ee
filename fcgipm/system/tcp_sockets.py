"""TCP listening sockets: bind, listen, and the end of one without a client lost.

A listener's queue dies with it: who is in it by then is reset. So before the end the kernel is told to ignore requests to connect (`ignore_newcomers`),
what has come until then is taken, and only then is the socket shut. A client that is ignored asks again after a second; it meets whoever listens by then,
or is refused, and has sent nothing that could be lost.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
import time

from fcgipm.system.errors import SystemProblem

_SO_ATTACH_FILTER = 26  # <asm-generic/socket.h>; Python has no name for it.
_FLAGS, _SYN = 13, 0x02
"""Offset of the flags in a TCP header, where a filter on a TCP socket begins to count, and the bit of a request to connect (RFC 9293, section 3.1)."""
_LOAD_BYTE, _JUMP_IF_SET, _RETURN = 0x30, 0x45, 0x06
_DROP, _PASS = 0, 0xFFFFFFFF
_PROGRAM = ((_LOAD_BYTE, 0, 0, _FLAGS), (_JUMP_IF_SET, 0, 1, _SYN), (_RETURN, 0, 0, _DROP), (_RETURN, 0, 0, _PASS))
"""Classic BPF: code, jump if true, jump if false, operand (<linux/filter.h>). Handshakes under way go on, as do connections, which inherit it."""


def split_tcp(address: str) -> tuple[socket.AddressFamily, str, int]:
    """Family, host and port of ``host:port`` or ``[host]:port``."""
    host, _, port = address.rpartition(":")
    if host.startswith("["):
        return socket.AF_INET6, host[1:-1], int(port)
    return socket.AF_INET, host, int(port)


def bind_tcp(address: str, patience: float) -> socket.socket:
    """A non-blocking socket that has the address, and does not listen. `patience`: seconds to wait for workers of a killed daemon of ours that hold it.

    Raises SystemProblem.
    """
    family, host, port = split_tcp(address)
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _bind_patiently(bound, (host, port), patience)
    except OSError as error:
        bound.close()
        raise _problem(address, error, ours=patience > 0) from error
    bound.setblocking(False)
    return bound


def listen_tcp(bound: socket.socket, address: str, backlog: int) -> None:
    """Let clients come. Raises SystemProblem when another program began to listen there first."""
    try:
        bound.listen(backlog)
    except OSError as error:
        raise _problem(address, error, ours=False) from error


def ignore_newcomers(listening: socket.socket) -> None:
    """Requests to connect go unheard from now on, in all processes that hold the socket; there is no way back. Raises SystemProblem."""
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in _PROGRAM))
    program = struct.pack("HP", len(_PROGRAM), ctypes.addressof(instructions))
    try:
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    except OSError as error:
        raise SystemProblem(f"the kernel takes no filter for a listening socket ({error.strerror})") from error


def _bind_patiently(bound: socket.socket, where: tuple[str, int], patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            bound.bind(where)
            return
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                raise
        time.sleep(0.02)


def _problem(address: str, error: OSError, ours: bool) -> SystemProblem:
    _, host, port = split_tcp(address)
    return SystemProblem(f"cannot listen on {address}: {_explain(error, host, port, ours)}")


def _explain(error: OSError, host: str, port: int, ours: bool) -> str:
    if error.errno == errno.EADDRINUSE and ours:
        return f"workers of an fcgipm that was killed still finish requests there: wait, or end them (`ss -ltnp sport = :{port}` names them)"
    if error.errno == errno.EADDRINUSE:
        return f"another program listens there (`ss -ltnp sport = :{port}` names it)"
    if error.errno == errno.EACCES:
        return "ports below 1024 need root or CAP_NET_BIND_SERVICE: choose a higher one"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"this machine has no address {host}"
    if error.errno == errno.EAFNOSUPPORT:
        return "this machine has no IPv6"
    return error.strerror or str(error)
