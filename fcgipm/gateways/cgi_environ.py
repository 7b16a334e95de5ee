"""From the params of a request to the environment of a CGI program (RFC 3875, section 4.1): nothing reaches it that could be taken for more than a fact
about the request."""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping

_NAME = re.compile("[A-Z][A-Z0-9_]*", re.ASCII)
_NAMES = frozenset(("AUTH_TYPE", "CONTENT_LENGTH", "CONTENT_TYPE", "GATEWAY_INTERFACE", "HTTPS", "PATH_INFO", "PATH_TRANSLATED", "QUERY_STRING"))
_BEGINNINGS = ("HTTP_", "SERVER_", "REMOTE_", "REQUEST_", "SCRIPT_", "DOCUMENT_", "REDIRECT_", "SSL_")
_LISTENED_TO = frozenset(("SSL_CERT_DIR", "SSL_CERT_FILE"))
"""Settings of OpenSSL among the names that begin like facts."""
_ALWAYS = {b"GATEWAY_INTERFACE": b"CGI/1.1", b"QUERY_STRING": b"", b"SCRIPT_NAME": b"", b"SERVER_SOFTWARE": b"fcgipm", b"REMOTE_ADDR": b""}

Variables = Dict[bytes, bytes]


def variables(environ: Mapping[str, Any], base: Mapping[bytes, bytes]) -> Variables:
    """`base`, the pool's own variables, and what the request says: `environ` are params that an EnvironMaker has completed.

    Only names that CGI and its usual extensions know are taken over, so that no LD_PRELOAD, PATH, PYTHONPATH or whatever the next program listens to can
    come with a request; and none that `base` has (case 169). A value with a NUL, or a character that is no byte, is left out (case 39).
    """
    found = dict(_ALWAYS)
    for name, value in environ.items():
        key = _KNOWN[name]
        if key and "\0" not in value:
            try:
                found[key] = value.encode("latin-1")
            except UnicodeEncodeError:
                continue
    found.update(base)
    return found


class _Names(Dict[str, bytes]):
    """Names of params as names of variables, empty for those that may not pass. They are the same from request to request, mostly."""

    def __missing__(self, name: str) -> bytes:
        passes = (name in _NAMES or name.startswith(_BEGINNINGS)) and name not in _LISTENED_TO and _NAME.fullmatch(name)
        found = name.encode() if passes else b""
        if len(self) >= _REMEMBERED:
            self.clear()
        if len(name) <= _REMEMBERED_LENGTH:
            self[name] = found
        return found


_REMEMBERED, _REMEMBERED_LENGTH = 1000, 100
_KNOWN = _Names()
