"""Asking an HTTP server on this machine."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping

PATIENCE = 15.0


class Response:
    """What http.client got, read to its end."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status, self.reason = answer.status, answer.reason
        self.headers = answer.getheaders()
        self.body = answer.read()

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(found) if found else None


class Server:
    """Whoever listens on `port` of 127.0.0.1."""

    port: int

    def connect(self, timeout: float = PATIENCE) -> http.client.HTTPConnection:
        """A kept HTTP connection; the caller closes it."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(
        self, path: str = "/", method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None, timeout: float = PATIENCE
    ) -> Response:
        """One request on a connection of its own. `path` goes out as it is."""
        connection = self.connect(timeout)
        try:
            connection.request(method, path, body, dict(headers or {}))
            return Response(connection.getresponse())
        finally:
            connection.close()

    def raw(self, request: bytes, timeout: float = PATIENCE) -> bytes:
        """Bytes out, everything that comes until nginx closes: ask with Connection: close or HTTP/1.0."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as connection:
            connection.sendall(request)
            parts = []
            while data := connection.recv(65536):
                parts.append(data)
            return b"".join(parts)
