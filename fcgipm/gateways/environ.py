"""From CGI meta-variables to a WSGI environ: what servers send in many ways becomes one (PEP 3333; RFC 3875, section 4.1)."""

from __future__ import annotations

from itertools import count
from typing import Any, Dict, Iterator

Environ = Dict[str, Any]

UNWANTED = frozenset(("HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTP_TRANSFER_ENCODING"))
"""Headers that would be taken for something else: HTTP_PROXY for a setting ("httpoxy"), the others for facts about a body that the server has decoded."""


class EnvironMaker:
    """Completes the params of each request, which hold the ``wsgi.`` keys of the whole worker and nothing UNWANTED, into its environ. `mount` is the path
    prefix that becomes SCRIPT_NAME, `worker` is any text that tells this worker from all others."""

    def __init__(self, mount: str, worker: str) -> None:
        self._mount = mount
        self._ids: Iterator[int] = count(1)
        self._worker = worker

    def complete(self, environ: Environ) -> None:
        """Bring `environ` into WSGI's form; ``wsgi.input`` is the caller's to add."""
        get = environ.get
        if not (get("HTTP_HOST", 1) and get("REMOTE_USER", 1) and get("AUTH_TYPE", 1) and get("CONTENT_LENGTH", 1) and get("CONTENT_TYPE", 1)):
            _drop_empty(environ)
        if not get("PATH_INFO"):
            environ["PATH_INFO"] = get("SCRIPT_NAME", "")
            environ["SCRIPT_NAME"] = ""
        if self._mount:
            self._apply_mount(environ)
        https = get("REQUEST_SCHEME") == "https" or ("HTTPS" in environ and environ["HTTPS"].lower() in ("on", "1"))
        environ["wsgi.url_scheme"] = "https" if https else "http"
        known = "QUERY_STRING" in environ and "SERVER_PROTOCOL" in environ and "SCRIPT_NAME" in environ
        if not (known and get("SERVER_NAME") and get("SERVER_PORT") and get("REQUEST_ID")):
            self._fill_in(environ, https)

    def _apply_mount(self, environ: Environ) -> None:
        mount, path = self._mount, environ["PATH_INFO"]
        if path == mount or path.startswith(mount + "/"):
            environ["SCRIPT_NAME"] += mount
            environ["PATH_INFO"] = path[len(mount) :]

    def _fill_in(self, environ: Environ, https: bool) -> None:
        """What every environ has although a server did not send it."""
        for name, value in (("QUERY_STRING", ""), ("SERVER_PROTOCOL", "HTTP/1.0"), ("SCRIPT_NAME", "")):
            environ.setdefault(name, value)
        if not environ.get("SERVER_NAME"):
            host = environ.get("HTTP_HOST", "").rpartition("]")
            environ["SERVER_NAME"] = host[0] + host[1] + host[2].partition(":")[0] or environ.get("SERVER_ADDR") or "localhost"
        if not environ.get("SERVER_PORT"):
            environ["SERVER_PORT"] = "443" if https else "80"
        if not environ.get("REQUEST_ID"):
            environ["REQUEST_ID"] = f"{self._worker}-{next(self._ids):x}"


def _drop_empty(environ: Environ) -> None:
    """Some servers send as empty what others leave out; for these, present means something."""
    for name in ("HTTP_HOST", "REMOTE_USER", "AUTH_TYPE", "CONTENT_LENGTH", "CONTENT_TYPE"):
        if environ.get(name) == "":
            del environ[name]
