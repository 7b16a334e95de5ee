"""What a request line asks for: the target's parts, and the path as an application gets it."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote_to_bytes


class BadRequest(Exception):
    """A request that is answered with 400; the text is one line for its sender."""


class Target(NamedTuple):
    """`authority` is None unless the target was absolute; `uri` is path and query as the client wrote them, `path` is decoded and normal."""

    authority: bytes | None
    uri: bytes
    path: bytes
    query: bytes


def split(target: bytes) -> Target:
    """A request target in origin or absolute form (RFC 9112, section 3.2). Raises BadRequest."""
    authority = None
    uri = target.partition(b"#")[0]
    if not uri.startswith(b"/"):
        authority, uri = _absolute(uri)
    path, _, query = uri.partition(b"?")
    return Target(authority, uri, normal(unquote_to_bytes(path)), query)


def _absolute(target: bytes) -> tuple[bytes, bytes]:
    scheme, mark, rest = target.partition(b"://")
    if not mark or scheme.lower() not in (b"http", b"https"):
        raise BadRequest("the request target is neither a path nor a URL")
    end = next((at for at, byte in enumerate(rest) if byte in b"/?"), len(rest))
    authority, uri = rest[:end], rest[end:]
    return authority, uri if uri.startswith(b"/") else b"/" + uri


def normal(path: bytes) -> bytes:
    """Dot segments removed (RFC 3986, section 5.2.4) after decoding, as nginx does it; empty segments stay. Raises BadRequest."""
    if b"\0" in path:
        raise BadRequest("a path has no NUL")
    if b"/." not in path:
        return path
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    for segment in segments:
        if segment == b"..":
            if not kept:
                raise BadRequest("the path leaves the root")
            kept.pop()
        elif segment != b".":
            kept.append(segment)
    if segments[-1] in (b".", b".."):
        kept.append(b"")
    return b"/" + b"/".join(kept)
