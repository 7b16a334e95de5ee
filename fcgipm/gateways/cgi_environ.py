"""From the params of a request to the environment of a CGI program (RFC 3875, section 4.1): nothing reaches it that could be taken for more than a fact
about the request."""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping

from fcgipm.memo import Memo, short

_NAME = re.compile("[A-Z][A-Z0-9_]*", re.ASCII)
_NAMES = frozenset(("AUTH_TYPE", "CONTENT_LENGTH", "CONTENT_TYPE", "GATEWAY_INTERFACE", "HTTPS", "PATH_INFO", "PATH_TRANSLATED", "QUERY_STRING"))
_BEGINNINGS = ("HTTP_", "SERVER_", "REMOTE_", "REQUEST_", "SCRIPT_", "DOCUMENT_", "REDIRECT_", "SSL_")
_LISTENED_TO = frozenset(("SSL_CERT_DIR", "SSL_CERT_FILE"))
"""Settings of OpenSSL among the names that begin like facts."""
_ALWAYS = {b"GATEWAY_INTERFACE": b"CGI/1.1", b"QUERY_STRING": b"", b"SCRIPT_NAME": b"", b"SERVER_SOFTWARE": b"fcgipm", b"REMOTE_ADDR": b""}
_NONE = b"="
"""No name of a variable."""

Variables = Dict[bytes, bytes]


def variables(environ: Mapping[str, Any], base: Mapping[bytes, bytes]) -> Variables:
    """`base`, the pool's own variables, and what the request says: `environ` are params that an EnvironMaker has completed.

    Only names that CGI and its usual extensions know are taken over, so that no LD_PRELOAD, PATH, PYTHONPATH or whatever the next program listens to can
    come with a request; and none that `base` has (case 169). A value with a NUL, or a character that is no byte, is left out (case 39).
    """
    found = dict(_ALWAYS)
    known = _VARIABLES.get
    for name, value in environ.items():
        key = known(name) or _VARIABLES.learn(name)
        if key != _NONE and "\0" not in value:
            try:
                found[key] = value.encode("latin-1")
            except UnicodeEncodeError:
                continue
    found.update(base)
    return found


def _variable(name: str) -> bytes:
    """The name of a param as that of a variable, _NONE for one that may not pass."""
    passes = (name in _NAMES or name.startswith(_BEGINNINGS)) and name not in _LISTENED_TO and _NAME.fullmatch(name)
    return name.encode() if passes else _NONE


_VARIABLES = Memo(_variable, short)
