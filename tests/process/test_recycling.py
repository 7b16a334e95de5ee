"""Recycling under load: workers are replaced by the limits of `recycle` and by command, and nobody notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.process.test_reload import Site, load, site
from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import ask

DaemonFactory = Callable[..., Daemon]

__all__ = ["site"]


def exits(daemon: Daemon) -> dict[str, Any]:
    return dict(daemon.status()["pools"]["web"]["exits"])


def test_after_so_many_requests(site: Callable[..., Site]) -> None:
    shop = site({"web": {"workers": 2, "recycle": {"requests": 20, "jitter": "0%"}}})
    with load(shop.daemon.address()) as failures:
        eventually(lambda: exits(shop.daemon)["requests"] >= 4, "four have been replaced")
        workers = shop.pool()["workers"]
        assert workers["idle"] + workers["busy"] >= 2, "there is always one that has come for one that leaves"
    assert not failures
    shop.daemon.wait_for_line(r"web: worker \d+ is replaced: \d+ requests")


def test_at_such_an_age_also_at_rest(site: Callable[..., Site]) -> None:
    shop = site({"web": {"workers": 1, "recycle": {"age": "500ms", "jitter": "0%"}}})
    eventually(lambda: exits(shop.daemon)["age"] >= 2, "two have been replaced")
    assert shop.answer() == b"one"


def test_with_so_much_memory(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": {"app": "leaky:application", "recycle": {"memory": "48MiB"}}})
    (before,) = daemon.workers()

    def replaced() -> bool:
        ask(daemon.address())
        return exits(daemon)["memory"] > 0

    eventually(replaced, "it has been replaced")
    daemon.wait_for_line(rf"web: worker {before} is replaced: \d+ MiB of its own")


def test_by_command(site: Callable[..., Site]) -> None:
    shop = site()
    first, second = shop.daemon.workers()
    done = shop.daemon.command("retire", str(first))
    assert done.returncode == 0 and done.stdout == f"web: worker {first} leaves as soon as another accepts in its place\n"
    eventually(lambda: exits(shop.daemon)["retire"] == 1, "it has gone")
    workers = shop.daemon.workers()
    assert first not in workers and second in workers and len(workers) == 2
    done = shop.daemon.command("retire", str(first))
    assert done.returncode == 1 and f"no worker of this daemon that stays has the process id {first}" in done.stderr
