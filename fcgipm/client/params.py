"""The CGI meta-variables of a request, as a well configured web server sends them (RFC 3875, section 4.1)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, unquote_to_bytes

from fcgipm import __version__

Pair = tuple[bytes, bytes]

_UNRESERVED = "/?#[]@!$&'()*+,;=:%-._~"
"""What stays in a request target: RFC 3986's reserved and unreserved characters, and what is encoded already."""


def params(
    method: str, target: str, headers: Iterable[tuple[str, str]] = (), body_length: int | None = None
) -> list[Pair]:
    """The pairs for one request.

    `target`: path and query, percent-encoded where it has to be (any other text is encoded here, as UTF-8). A header given
    twice is sent twice, as nginx does. Content-Length among the headers is ignored: `body_length`, in bytes, is the truth;
    None for no body. Raises UnicodeEncodeError for a method or a header beyond latin-1.
    """
    target = quote(target, safe=_UNRESERVED, errors="surrogateescape")
    path, _, query = target.partition("?")
    given = list(headers)
    host = next((value for name, value in given if name.lower() == "host"), "localhost")
    name, port = _split_host(host)
    pairs = [
        (b"REQUEST_METHOD", method.encode("latin-1")),
        (b"REQUEST_URI", target.encode("ascii")),
        (b"SCRIPT_NAME", b""),
        (b"PATH_INFO", unquote_to_bytes(path)),
        (b"QUERY_STRING", query.encode("ascii")),
        (b"SERVER_PROTOCOL", b"HTTP/1.1"),
        (b"SERVER_NAME", name.encode("latin-1")),
        (b"SERVER_PORT", port.encode("latin-1")),
        (b"REQUEST_SCHEME", b"http"),
        (b"REMOTE_ADDR", b"127.0.0.1"),
        (b"REMOTE_PORT", b"0"),
        (b"GATEWAY_INTERFACE", b"CGI/1.1"),
        (b"SERVER_SOFTWARE", b"fcgipm-request/" + __version__.encode("ascii")),
        *(() if any(key.lower() == "host" for key, _ in given) else [(b"HTTP_HOST", b"localhost")]),
        *(_header(key, value) for key, value in given if key.lower() != "content-length"),
    ]
    if body_length is not None:
        pairs.append((b"CONTENT_LENGTH", b"%d" % body_length))
    return pairs


def _split_host(host: str) -> tuple[str, str]:
    name, colon, port = host.rpartition(":")
    return (name, port) if colon and port.isdigit() else (host, "80")


def _header(name: str, value: str) -> Pair:
    key = name.upper().replace("-", "_")
    if key != "CONTENT_TYPE":
        key = "HTTP_" + key
    return key.encode("latin-1"), value.encode("latin-1")
