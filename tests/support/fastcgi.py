"""A FastCGI client made from the specification alone (FastCGI 1.0), record by record.

It imports nothing of fcgipm: a codec tested with itself would hide a misreading of the specification. Everything can also be
sent wrong: a record says exactly what it is told to say.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import NamedTuple, Self

BEGIN_REQUEST, ABORT_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR, DATA = 1, 2, 3, 4, 5, 6, 7, 8
GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = 9, 10, 11
RESPONDER, AUTHORIZER, FILTER = 1, 2, 3
KEEP_CONN = 1
REQUEST_COMPLETE, CANT_MPX_CONN, OVERLOADED, UNKNOWN_ROLE = 0, 1, 2, 3

Text = str | bytes
Pairs = Mapping[str, Text] | Mapping[bytes, Text] | Iterable[tuple[Text, Text]]


def _bytes(text: Text) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


# Encoding (section 3.3 and 3.4).


def record(kind: int, content: bytes = b"", id: int = 1, padding: int = 0, version: int = 1, reserved: int = 0) -> bytes:
    """One record, as told: a header of 8 bytes, the content, `padding` bytes of 0xAA."""
    return struct.pack(">BBHHBB", version, kind, id, len(content), padding, reserved) + content + b"\xaa" * padding


def begin(id: int = 1, role: int = RESPONDER, flags: int = 0, padding: int = 0) -> bytes:
    return record(BEGIN_REQUEST, struct.pack(">HB5x", role, flags), id, padding)


def length(number: int, long: bool = False) -> bytes:
    """A length of a name-value pair: one byte below 128 unless `long`, else four with the high bit set."""
    return struct.pack(">I", number | 0x80000000) if long or number > 127 else bytes([number])


def pair(name: Text, value: Text, long: bool = False) -> bytes:
    key, data = _bytes(name), _bytes(value)
    return length(len(key), long) + length(len(data), long) + key + data


def pairs(items: Pairs, long: bool = False) -> bytes:
    listed = items.items() if isinstance(items, Mapping) else items
    return b"".join(pair(name, value, long) for name, value in listed)


def stream(kind: int, data: bytes, id: int = 1, piece: int = 65535, padding: int = 0, end: bool = True) -> bytes:
    """Records of at most `piece` bytes, and with `end` the empty one that closes the stream."""
    records = [record(kind, data[at : at + piece], id, padding) for at in range(0, len(data), piece)]
    return b"".join(records) + (record(kind, b"", id, padding) if end else b"")


def request(
    params: Pairs, body: bytes = b"", id: int = 1, keep: bool = False, role: int = RESPONDER, piece: int = 65535, padding: int = 0
) -> bytes:
    """A whole request: BEGIN, PARAMS, STDIN."""
    return (
        begin(id, role, KEEP_CONN if keep else 0, padding)
        + stream(PARAMS, pairs(params), id, piece, padding)
        + stream(STDIN, body, id, piece, padding)
    )


def environ(path: str = "/", method: str = "GET", body: bytes | None = None, **more: Text) -> dict[str, Text]:
    """The params of an ordinary request, as a well configured web server sends them. `path` may carry a query."""
    bare, _, query = path.partition("?")
    params: dict[str, Text] = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": bare, "QUERY_STRING": query, "REQUEST_URI": path,
        "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "test.example", "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1",
        "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_SOFTWARE": "tests", "HTTP_HOST": "test.example",
    }  # fmt: skip
    if body is not None:
        params["CONTENT_LENGTH"] = str(len(body))
    params.update(more)
    return params


# Decoding.


class Record(NamedTuple):
    version: int
    kind: int
    id: int
    content: bytes
    padding: int
    reserved: int = 0


def parse_pairs(content: bytes) -> list[tuple[bytes, bytes]]:
    """The pairs of whole content; ValueError when one is cut."""
    found, at = [], 0
    while at < len(content):
        sizes = []
        for _ in range(2):
            if content[at] < 128:
                sizes.append(content[at])
                at += 1
            else:
                sizes.append(struct.unpack_from(">I", content, at)[0] & 0x7FFFFFFF)
                at += 4
        name, value = content[at : at + sizes[0]], content[at + sizes[0] : at + sum(sizes)]
        at += sum(sizes)
        if at > len(content):
            raise ValueError("a name-value pair is cut")
        found.append((name, value))
    return found


class Reply:
    """What came for one request id, up to END_REQUEST or the end of the connection."""

    def __init__(self, id: int = 1) -> None:
        self.id = id
        self.records: list[Record] = []
        self.others: list[Record] = []
        """Records of other ids that came meanwhile."""
        self.stdout_chunks: list[bytes] = []
        """Contents of the STDOUT records, one by one."""
        self.stderr = b""
        self.stdout_closed = False
        self.app_status: int | None = None
        self.protocol_status: int | None = None
        """Set by END_REQUEST: None when the connection ended without one."""

    @property
    def complete(self) -> bool:
        return self.protocol_status is not None

    @property
    def stdout(self) -> bytes:
        return b"".join(self.stdout_chunks)

    def take(self, got: Record) -> bool:
        """Add a record; true when it ends the request. Checks what every record of ours must be (case A18)."""
        assert got.version == 1 and got.reserved == 0, got
        if got.id != self.id:
            self.others.append(got)
            return False
        self.records.append(got)
        assert not self.stdout_closed or got.kind not in (STDOUT,), "STDOUT after its end"
        if got.kind == STDOUT and got.content:
            self.stdout_chunks.append(got.content)
        elif got.kind == STDOUT:
            self.stdout_closed = True
        elif got.kind == STDERR:
            self.stderr += got.content
        elif got.kind == END_REQUEST:
            assert len(got.content) == 8 and got.content[5:] == b"\0\0\0", got
            self.app_status, self.protocol_status = struct.unpack_from(">IB", got.content)
            return True
        return False

    # The CGI response inside STDOUT (RFC 3875, section 6).

    @property
    def head(self) -> bytes:
        head, blank, _ = self.stdout.partition(b"\r\n\r\n")
        assert blank, f"no end of the headers in {self.stdout[:500]!r}"
        return head

    @property
    def body(self) -> bytes:
        return self.stdout.partition(b"\r\n\r\n")[2]

    @property
    def headers(self) -> list[tuple[str, str]]:
        """In order, Status included."""
        split = [line.partition(": ") for line in self.head.decode("latin-1").split("\r\n")]
        return [(name, value) for name, _, value in split]

    def header(self, name: str) -> str | None:
        """The value of the only header of that name, in any case; None when there is none."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) <= 1, f"{name} came {len(found)} times: {found}"
        return found[0] if found else None

    @property
    def status_line(self) -> str:
        """"200 OK": every reply must carry a Status (case H136)."""
        status = self.header("Status")
        assert status, f"no Status among {self.headers}"
        return status

    @property
    def status(self) -> int:
        return int(self.status_line.split(" ")[0])


def connect(address: str, timeout: float = 10.0) -> socket.socket:
    """A blocking socket to "unix:/path", "127.0.0.1:9000" or "[::1]:9000"."""
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        target: str | tuple[str, int] = address[5:]
    else:
        host, _, port = address.rpartition(":")
        connection = socket.socket(socket.AF_INET6 if host.startswith("[") else socket.AF_INET)
        target = (host.strip("[]"), int(port))
    connection.settimeout(timeout)
    try:
        connection.connect(target)
    except BaseException:
        connection.close()
        raise
    return connection


class Connection:
    """One connection to a FastCGI application. Every wait ends after `timeout` seconds with socket.timeout."""

    def __init__(self, address: str | socket.socket, timeout: float = 10.0) -> None:
        """`address`: where to connect; or a connected socket, for a test that plays the application."""
        self.socket = connect(address, timeout) if isinstance(address, str) else address
        self.socket.settimeout(timeout)
        self._buffer = b""

    def send(self, data: bytes, piece: int | None = None) -> None:
        """Send all of it; with `piece`, in sends of so many bytes."""
        step = piece or len(data) or 1
        for at in range(0, len(data), step):
            self.socket.sendall(data[at : at + step])

    def _exactly(self, size: int) -> bytes | None:
        """`size` bytes; None when the connection ended before the first; EOFError when it ended among them."""
        parts = [self._buffer]
        have = len(self._buffer)
        while have < size:
            data = self.socket.recv(max(65536, size - have))
            if not data:
                if have:
                    raise EOFError(f"the connection ended inside a record, after {b''.join(parts)!r}")
                return None
            parts.append(data)
            have += len(data)
        joined = b"".join(parts)
        self._buffer = joined[size:]
        return joined[:size]

    def read_record(self) -> Record | None:
        """The next record; None at a clean end of the connection."""
        header = self._exactly(8)
        if header is None:
            return None
        version, kind, id, size, padding, reserved = struct.unpack(">BBHHBB", header)
        rest = self._exactly(size + padding) if size + padding else b""
        if rest is None:
            raise EOFError("the connection ended after a record's header")
        return Record(version, kind, id, rest[:size], padding, reserved)

    def read_reply(self, id: int = 1) -> Reply:
        """Everything up to END_REQUEST of `id`, or to the end of the connection (then `complete` is false)."""
        reply = Reply(id)
        while True:
            got = self.read_record()
            if got is None or reply.take(got):
                return reply

    def ask(self, params: Pairs, body: bytes = b"", id: int = 1, keep: bool = False, piece: int | None = None) -> Reply:
        """Send a whole request and read its reply."""
        self.send(request(params, body, id, keep), piece)
        return self.read_reply(id)

    def read_to_end(self) -> bytes:
        """Whatever still comes until the peer closes; a reset counts as an end."""
        parts, self._buffer = [self._buffer], b""
        try:
            while True:
                data = self.socket.recv(65536)
                if not data:
                    break
                parts.append(data)
        except ConnectionError:
            pass
        return b"".join(parts)

    def at_end(self) -> bool:
        """Wait for the peer to close: true when nothing more came."""
        return self.read_to_end() == b""

    def quiet(self, seconds: float = 0.1) -> bool:
        """True when nothing, not even an end, comes for so long: the connection is kept."""
        return not self._buffer and not select.select([self.socket], [], [], seconds)[0]

    def shutdown(self) -> None:
        """Send no more; the peer reads an end."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with RST where the transport knows one (TCP)."""
        if self.socket.family != socket.AF_UNIX:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def ask(address: str, path: str = "/", method: str = "GET", body: bytes | None = None, timeout: float = 10.0, **more: Text) -> Reply:
    """One request on a connection of its own."""
    with Connection(address, timeout) as connection:
        return connection.ask(environ(path, method, body, **more), body or b"")
