"""A kept connection to a pool that makes a process for each request: the next request often comes while the last process is still ending."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.daemon import Daemon
from tests.support.fastcgi import Connection, environ, request


def test_requests_follow_each_other_on_a_kept_connection(daemon_factory: Callable[..., Daemon]) -> None:
    daemon: Daemon = daemon_factory({"web": {"app": "hello:application", "interface": "cgi", "workers": 1}})
    replies: list[Any] = []
    with Connection(daemon.address()) as connection:
        for _ in range(5):
            connection.send(request(environ("/"), keep=True))
            replies.append(connection.read_reply())
    assert len(replies) == 5 and len({reply.body for reply in replies}) == 1
