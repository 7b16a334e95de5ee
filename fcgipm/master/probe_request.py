"""A probe without I/O: the one request that a new generation has to answer before it may serve, and what to think of its answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from fcgipm import __version__
from fcgipm.master.lines import clean
from fcgipm.wire import cgi, fastcgi
from fcgipm.wire.fastcgi import End, RemoteProtocolError, Stdout

ANSWER_LIMIT = 1 << 20
"""Bytes of an answer, records and all. Whatever is longer is no answer to a probe."""

_ID = 1
_SOFTWARE = b"fcgipm-probe/" + __version__.encode("ascii")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


class Verdict(NamedTuple):
    """What came of a probe; `text` is one line, without the query string."""

    ok: bool
    text: str


class ProbeRequest:
    """One GET. `path` begins with a slash, is percent-encoded and may have a query; `status` is the only right answer; `host` has no spaces."""

    def __init__(self, path: str, status: int, host: str) -> None:
        self._wanted = status
        self._name = f"probe GET {path.partition('?')[0]}"
        self._wire = fastcgi.WebServer()
        self._parser = cgi.HeadParser()
        self._head: cgi.Head | None = None
        self._received = 0
        self.request = self._wire.request(_ID, params(path, host), keep_conn=False) + self._wire.end_body(_ID)
        """The bytes to send."""

    def receive(self, data: bytes) -> Verdict | None:
        """Bytes of the answer, b"" for its end → the verdict, None while there is none yet. It is asked no more after the verdict."""
        if not data:
            return self.failed("no answer: the connection was closed" if self._head is None else "the answer was cut short")
        self._received += len(data)
        if self._received > ANSWER_LIMIT:
            return self.failed(f"answer larger than {ANSWER_LIMIT >> 20} MiB")
        try:
            return self._judge(self._wire.receive(data))
        except RemoteProtocolError as error:
            return self.failed(f"malformed answer: {error}")

    def failed(self, why: str) -> Verdict:
        """It did not go well, for whatever reason: in one line."""
        return Verdict(False, f"{self._name}: {clean(why.encode())}")

    def _judge(self, events: Iterable[fastcgi.webserver.Event]) -> Verdict | None:
        for event in events:
            if isinstance(event, Stdout) and self._head is None:
                try:
                    found = self._parser.receive(event.data)
                except RemoteProtocolError:  # It quotes a header, which may be a cookie.
                    return self.failed("malformed answer: what it begins with is no head of a CGI response")
                self._head = found[0] if found is not None else None
            elif isinstance(event, End):
                return self._verdict(event)
        return None

    def _verdict(self, end: End) -> Verdict:
        if end.protocol_status != fastcgi.REQUEST_COMPLETE:
            return self.failed(f"refused (protocol status {end.protocol_status})")
        if self._head is None:
            return self.failed("malformed answer: it has no head")
        if self._head.status != self._wanted:
            return self.failed(f"status {self._head.status}, not {self._wanted}")
        return Verdict(True, f"{self._name}: status {self._head.status}")


def params(path: str, host: str) -> list[tuple[bytes, bytes]]:
    """The CGI meta-variables, named and ordered as nginx sends them with our `fcgipm_params`."""
    target = path.encode("ascii")
    undecoded, _, query = target.partition(b"?")
    name, _, port = host.encode("ascii").partition(b":")
    return [
        (b"GATEWAY_INTERFACE", b"CGI/1.1"),
        (b"SERVER_SOFTWARE", _SOFTWARE),
        (b"SERVER_PROTOCOL", b"HTTP/1.1"),
        (b"REQUEST_SCHEME", b"http"),
        (b"SERVER_NAME", name),
        (b"SERVER_PORT", port or b"80"),
        (b"SERVER_ADDR", b"127.0.0.1"),
        (b"SCRIPT_NAME", b""),
        (b"PATH_INFO", _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), undecoded)),
        (b"REQUEST_METHOD", b"GET"),
        (b"REQUEST_URI", target),
        (b"QUERY_STRING", query),
        (b"REMOTE_ADDR", b"127.0.0.1"),
        (b"REMOTE_PORT", b"0"),
        (b"HTTP_HOST", host.encode("ascii")),
        (b"HTTP_USER_AGENT", _SOFTWARE),
    ]
