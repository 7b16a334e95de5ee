"""The CGI meta-variables of a request: what nginx sends by `nginx/fcgipm_params`, in the same order, which is the cheapest for a worker to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fcgipm import __version__
from fcgipm.web.target import BadRequest, Target

Pair = tuple[bytes, bytes]

SOFTWARE = b"fcgipm/" + __version__.encode("ascii")

NOT_PASSED = frozenset({b"host", b"content-length", b"content-type", b"transfer-encoding", b"proxy"})
"""Headers that are no HTTP_ variable: the first three have variables of their own, the body has been decoded, and HTTP_PROXY would be taken for a setting
(httpoxy)."""


class Door(NamedTuple):
    """The connection that a request came on: our address and the client's. `port` and `peer_port` are empty on unix sockets."""

    address: bytes
    port: bytes
    peer: bytes
    peer_port: bytes


class Body(NamedTuple):
    """What the headers say of a body: `length` is None when there is none, or (`chunked`) when only its end will tell."""

    length: int | None
    chunked: bool

    @property
    def expected(self) -> bool:
        """Whether anything may follow the head."""
        return self.chunked or bool(self.length)


def body_of(headers: Iterable[Pair]) -> Body:
    """The HTTP parser has refused lengths that contradict each other, and a length beside a transfer coding."""
    length, chunked = None, False
    for name, value in headers:
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            chunked = True
    return Body(None if chunked else length, chunked)


def host_of(headers: Iterable[Pair], target: Target, version: str) -> bytes:
    """Which host is asked for, with its port: of an absolute target, else of the Host header (RFC 9112, section 3.2.2). Raises BadRequest."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise BadRequest("HTTP/1.1 wants one Host header")
    if target.authority is not None:
        return target.authority
    return hosts[0] if hosts else b""


def params(
    method: str, version: str, target: Target, headers: list[Pair], host: bytes, body: Body, door: Door, request_id: str
) -> list[Pair]:
    """The pairs of one request. Names of `headers` are in lower case."""
    pairs = [
        (b"GATEWAY_INTERFACE", b"CGI/1.1"),
        (b"SERVER_SOFTWARE", SOFTWARE),
        (b"SERVER_PROTOCOL", b"HTTP/" + version.encode("ascii")),
        (b"REQUEST_SCHEME", b"http"),
        (b"SERVER_NAME", name_of(host)),
        (b"SERVER_PORT", door.port or b"80"),
        (b"SERVER_ADDR", door.address),
        (b"SCRIPT_NAME", b""),
        (b"PATH_INFO", target.path),
        (b"REQUEST_METHOD", method.encode("ascii")),
        (b"REQUEST_URI", target.uri),
        (b"QUERY_STRING", target.query),
    ]
    if body.length is not None:
        pairs.append((b"CONTENT_LENGTH", b"%d" % body.length))
    pairs += [(b"CONTENT_TYPE", value) for name, value in headers if name == b"content-type"][-1:]
    pairs += [(b"REMOTE_ADDR", door.peer), (b"REMOTE_PORT", door.peer_port), (b"REQUEST_ID", request_id.encode("ascii"))]
    if host:
        pairs.append((b"HTTP_HOST", host))
    return [*pairs, *header_pairs(headers)]


def name_of(host: bytes) -> bytes:
    """A host without its port, in lower case; "localhost" when none is named, since SERVER_NAME is never empty (PEP 3333)."""
    head, bracket, tail = host.rpartition(b"]")
    return (head + bracket + tail.partition(b":")[0]).lower() or b"localhost"


def header_pairs(headers: Iterable[Pair]) -> Iterator[Pair]:
    """Headers as HTTP_ variables. Repeated ones become one (RFC 3875, section 4.1.18); a name with `_` is dropped, as it would pass for the one with `-`."""
    joined: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in NOT_PASSED or b"_" in name:
            continue
        if name in joined:
            value = joined[name] + (b"; " if name == b"cookie" else b", ") + value
        joined[name] = value
    for name, value in joined.items():
        yield b"HTTP_" + name.upper().replace(b"-", b"_"), value
