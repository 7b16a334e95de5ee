"""One daemon and one nginx for the tests of a module that leave no trace in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.nginx import Nginx


class Echo:
    """The application `echo` behind nginx: what an application is told about a request."""

    def __init__(self, nginx: Nginx) -> None:
        self.nginx = nginx

    def environ(self, path: str = "/", headers: Mapping[str, str] | None = None, **options: Any) -> dict[str, Any]:
        """The environ the application saw."""
        return dict(self.answer(path, headers, **options)["environ"])

    def answer(self, path: str = "/", headers: Mapping[str, str] | None = None, **options: Any) -> dict[str, Any]:
        response = self.nginx.ask(path, headers=headers, **options)
        assert response.status == 200, (response.status, response.body)
        return dict(json.loads(response.body))

    def raw_environ(self, request: bytes) -> dict[str, Any]:
        """For requests http.client would not make; they must end their connection."""
        head, _, body = self.nginx.raw(request).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        return dict(json.loads(body)["environ"])


@pytest.fixture(scope="module")
def echo_daemon() -> Iterator[Daemon]:
    with Daemon({"web": {"app": "echo:application", "workers": 2}}) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def echo(echo_daemon: Daemon) -> Iterator[Echo]:
    """`echo` behind nginx with the shipped files, nothing changed."""
    with Nginx(echo_daemon.address()) as nginx:
        yield Echo(nginx)
