"""Addresses of FastCGI applications, as a pool's `listen:` and nginx's `fastcgi_pass` write them."""

from __future__ import annotations

import socket
from typing import NamedTuple

from fcgipm.config.addresses import UNIX_LIMIT, AddressError


class Address(NamedTuple):
    """What `socket.socket(family)` and its `connect(target)` take."""

    family: socket.AddressFamily
    target: str | tuple[str, int]


def parse_address(text: str) -> Address:
    """`unix:/path` or `/path`; `127.0.0.1:9000`, `[::1]:9000`, `name:9000`. A name is looked up here. Raises AddressError."""
    if text.startswith(("unix:", "/")):
        return _unix(text.removeprefix("unix:"))
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise AddressError(f"{text!r} is no address: write unix:/path, 127.0.0.1:9000 or [::1]:9000")
    return _tcp(host.strip("[]"), int(port))


def _unix(path: str) -> Address:
    if not path.startswith("/"):
        raise AddressError(f"unix:{path} is no address: a socket's path starts with /")
    if len(path.encode()) > UNIX_LIMIT:
        raise AddressError(f"{path} has more than the {UNIX_LIMIT} bytes that the path of a unix socket can have")
    return Address(socket.AF_UNIX, path)


def _tcp(host: str, port: int) -> Address:
    try:
        family, _, _, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise AddressError(f"the host {host!r} cannot be found: {error}") from None
    return Address(family, (str(target[0]), int(target[1])))
