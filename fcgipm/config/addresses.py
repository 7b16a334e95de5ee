"""Addresses to listen on, in the one spelling by which two of them can be compared."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

FORMS = "unix:/path, 127.0.0.1:9000, [::1]:9000 or fd:3"
PATTERN = r"unix:.+|fd:[0-9]+|[0-9.]+:[0-9]+|\[[0-9A-Fa-f:.]+\]:[0-9]+"
UNIX_LIMIT = 107
"""Bytes of a unix socket's path: sun_path of unix(7) has 108 with the NUL at its end."""

OUTPUT_FDS = (1, 2)


class AddressError(Exception):
    """Text that is no address; says what would be right."""


def normalised(text: str) -> str:
    """`text` in the one spelling: `unix:PATH` (the path untouched), `127.0.0.1:9000`, `[::1]:9000`, `fd:3`. Raises AddressError."""
    scheme, _, rest = text.partition(":")
    if scheme == "unix":
        return _unix(rest)
    if scheme == "fd":
        return _descriptor(rest)
    return _internet(text)


def host(text: str) -> str:
    """An IP address without a port, in the one spelling. Raises AddressError."""
    try:
        if "%" not in text:
            return str(ip_address(text))
    except ValueError:
        pass
    raise AddressError("must be an IP address such as 127.0.0.1 or ::1")


def unix_path(address: str) -> str | None:
    """The path in `unix:PATH`; None for every other address."""
    return address.removeprefix("unix:") if address.startswith("unix:") else None


def _unix(path: str) -> str:
    if not path or path.endswith("/"):
        raise AddressError("must name a socket file after unix:, such as unix:/run/fcgipm/web.sock")
    if path.startswith("@"):
        raise AddressError("must be a path: abstract sockets (@) have no owner and mode, so anybody could connect")
    return f"unix:{path}"


def _descriptor(number: str) -> str:
    if not re.fullmatch("[0-9]{1,6}", number, re.ASCII) or int(number) in OUTPUT_FDS:
        raise AddressError("must be fd:NUMBER, an inherited listening socket: fd:0 (as FastCGI has it), or fd:3 and on")
    return f"fd:{int(number)}"


def _internet(text: str) -> str:
    found = re.fullmatch(r"(?:\[([^\]]*)\]|([^:\[\]]*)):([0-9]{1,5})", text, re.ASCII)
    if not found or not 1 <= int(found[3]) <= 65535:
        raise AddressError(f"must be {FORMS} (a port is 1 to 65535)")
    try:
        address = ip_address(host(found[1] or found[2] or ""))
    except AddressError:
        raise AddressError(f"must be {FORMS}: a host is written as its IP address (0.0.0.0 or [::] for all)") from None
    six = isinstance(address, IPv6Address)
    if six != (found[1] is not None):
        raise AddressError("must have its IPv6 address, and no other, in brackets: [::1]:9000")
    return f"[{address}]:{int(found[3])}" if six else f"{address}:{int(found[3])}"


def is_private(address: str) -> bool:
    """Whether nobody but this machine reaches a normalised address, as far as it tells: loopback or a unix socket."""
    return address.startswith(("unix:", "127.", "[::1]:"))
