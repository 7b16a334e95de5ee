"""Another socket under traffic, in the order that the README gives: no request fails, neither before nor after nginx's own reload."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import repeat, takewhile
from pathlib import Path

import yaml

from tests.support.daemon import Daemon
from tests.support.load import Load, Shot
from tests.support.nginx import Nginx

SHOT = Shot("POST", "/?s=0.002", b"x" * 100, lambda body: body.endswith(b" 100"))
"""nginx repeats no POST: one lost is one failed."""


def listen(daemon: Daemon, *addresses: str) -> None:
    file = yaml.safe_load(daemon.file.read_text())
    file["pools"]["web"]["listen"] = list(addresses)
    daemon.write(yaml.safe_dump(file))
    code, said = daemon.reload()
    assert code == 0, said


def test_both_addresses_then_nginx_then_the_new_one_alone(daemon_factory: Callable[..., Daemon], nginx_factory: Callable[..., Nginx]) -> None:
    daemon = daemon_factory({"web": {"app": "sleep:application", "workers": 2}})
    old, new = daemon.address(), f"unix:{daemon.run_folder}/other.sock"
    nginx = nginx_factory(old, processes=2, http="    keepalive_timeout 0;")  # A reload of nginx closes clients' idle connections.
    over = threading.Event()
    load = Load(nginx.port, takewhile(lambda _: not over.is_set(), repeat(SHOT)), clients=4, pause=0.002).start()
    try:
        load.wait_for(100)
        listen(daemon, old, new)
        load.wait_for(load.outcome.answered + 100)
        nginx.moved(old, new)
        listen(daemon, new)
        load.wait_for(load.outcome.answered + 100)
    finally:
        over.set()
    assert load.finish().failures == []
    assert not Path(old.removeprefix("unix:")).exists()
