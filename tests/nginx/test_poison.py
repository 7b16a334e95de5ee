"""A request that kills its worker, and what nginx makes of it: README's table and the comment beside fastcgi_next_upstream say the same."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.daemon import Daemon, eventually
from tests.support.gate import Gate
from tests.support.nginx import Nginx

KEPT = 3
OFF = {"        fastcgi_pass fcgipm_web;": "        fastcgi_pass fcgipm_web;\n        fastcgi_next_upstream off;"}


@pytest.mark.parametrize(("method", "substitute", "deaths"), [("GET", {}, KEPT + 1), ("POST", {}, 1), ("GET", OFF, 1)], ids=["get", "post", "off"])
def test_workers_that_one_request_kills(
    method: str, substitute: dict[str, str], deaths: int, daemon_factory: Callable[..., Daemon], nginx_factory: Callable[..., Nginx]
) -> None:
    daemon = daemon_factory({"web": {"app": "poison:application", "workers": KEPT}}, tolerate=["SIGKILL", "died"])
    nginx = nginx_factory(daemon.address(), substitute=substitute, tolerate=["prematurely closed|reset by peer"])
    with Gate() as gate, ThreadPoolExecutor(KEPT) as clients:
        pids = clients.map(lambda _: nginx.ask(f"/?{gate.path}").body, range(KEPT))
        for _ in range(KEPT):
            gate.arrival()
        for _ in range(KEPT):
            gate.open()
        assert len(set(pids)) == KEPT, "each worker has a kept connection"
    assert nginx.ask("/die", method=method).status == 502
    eventually(lambda: sum(daemon.status()["pools"]["web"]["exits"].values()) == deaths, f"{deaths} deaths")
