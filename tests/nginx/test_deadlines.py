"""Requests that run too long, as nginx's clients see them: 504 from us, 502 from nginx where the worker had to be killed."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.daemon import Daemon
from tests.support.load import KeptClient, Shot
from tests.support.nginx import Nginx


def test_504_at_the_deadline_and_502_for_who_was_killed(
    daemon_factory: Callable[..., Daemon], nginx_factory: Callable[..., Nginx]
) -> None:
    timeouts = {"request": "300ms", "kill_after": "300ms"}
    daemon = daemon_factory(
        {"web": {"app": "overdue:application", "workers": 2, "timeouts": timeouts}}, tolerate=[r"Traceback \(most recent call last\)"]
    )
    nginx = nginx_factory(daemon.address(), tolerate=["prematurely closed|reset by peer"])
    client = KeptClient(nginx.port)
    answers = [client.ask(Shot("GET", path))[0] for path in ("/loop", "/sleep", "/hello", "/locked", "/hello")]
    client.close()
    assert answers == [504, 504, 200, 502, 200]
