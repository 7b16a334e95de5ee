"""What a person with a browser does: follow redirects, keep cookies, fill in forms, upload files. HTTP alone, no page is drawn."""

from __future__ import annotations

import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping


class Page:
    """An answer after all redirects."""

    def __init__(self, url: str, status: int, body: bytes) -> None:
        self.url, self.status, self.body = url, status, body

    @property
    def text(self) -> str:
        return self.body.decode()


class Browser:
    """One session on http://127.0.0.1:PORT."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies, urllib.request.ProxyHandler({}))

    def open(self, path: str, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> Page:
        request = urllib.request.Request(self.base + path, data, dict(headers or {}))
        try:
            with self._opener.open(request, timeout=20) as answer:
                return Page(answer.url, answer.status, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Page(error.url or "", error.code, error.read())

    def post(self, path: str, fields: Mapping[str, str], files: Mapping[str, tuple[str, bytes]] | None = None) -> Page:
        """Send a form: urlencoded, or multipart with files {"field": (name, content)}."""
        referer = {"Referer": self.base + path}
        if files is None:
            return self.open(path, urllib.parse.urlencode(fields).encode(), referer)
        border = uuid.uuid4().hex
        body = _multipart(border, fields, files)
        return self.open(path, body, {**referer, "Content-Type": f"multipart/form-data; boundary={border}"})

    def csrf_token(self, path: str) -> str:
        """Django's token from the form on a page."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.open(path).text)
        assert found, f"no form on {path}"
        return found[1]


def _multipart(border: str, fields: Mapping[str, str], files: Mapping[str, tuple[str, bytes]]) -> bytes:
    parts = []
    for name, value in fields.items():
        parts.append(f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    for name, (filename, content) in files.items():
        head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        parts.append(f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + content + b"\r\n")
    return b"".join([*parts, f"--{border}--\r\n".encode()])
