"""Daemons that the tests of a module have one after the other: a start is 0.3 s of a processor, most tests are a tenth of that.

For tests that leave a daemon as they found it. Each configuration that is asked for has its own; a test begins on a fresh page of the log, and `before`
has the counts of those before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.support.daemon import Daemon, eventually
from tests.support.embedded import Embedded


class SharedDaemons:
    """A test borrows what it needs, and all of it is given back at the test's end."""

    def __init__(self) -> None:
        self._resting: dict[str, Daemon | Embedded] = {}
        self._lent: dict[str, Daemon | Embedded] = {}

    def lend(self, pools: Mapping[str, Mapping[str, Any]], *, tolerate: Iterable[str] = (), **options: Any) -> Daemon:
        """Like Daemon(pools, …), and it runs."""
        daemon: Daemon = self._lend(repr((pools, options)), lambda: Daemon(pools, **options), tolerate)
        return daemon

    def lend_embedded(self, pools: Mapping[str, Mapping[str, Any]], *, tolerate: Iterable[str] = ()) -> Embedded:
        """The same with an embedded web server before the first pool."""
        server: Embedded = self._lend(repr(("embedded", pools)), lambda: Embedded(pools), tolerate)
        return server

    def _lend(self, key: str, make: Callable[[], Any], tolerate: Iterable[str]) -> Any:
        server = self._lent.get(key) or self._resting.pop(key, None) or make().start()
        self._lent[key] = server
        daemon = _daemon(server)
        daemon.tolerate = list(tolerate)
        daemon.turn_page()
        daemon.before = daemon.status()["pools"]
        return server

    def give_back(self) -> None:
        """After each test: what it had must be at rest again, with no line in the log that nobody announced. Else the next one begins with another daemon."""
        while self._lent:
            key, server = self._lent.popitem()
            daemon = _daemon(server)
            try:
                eventually(lambda daemon=daemon: _rests(daemon), "the daemon is as it was before the test")
                alarming = daemon.alarming_lines()
                assert not alarming, "unexpected lines:\n" + "\n".join(alarming)
            except BaseException:
                daemon.show()
                daemon.destroy()
                raise
            self._resting[key] = server

    def end(self) -> None:
        """Stop them, with all that Daemon.stop asks of a clean end."""
        while self._resting:
            _daemon(self._resting.popitem()[1]).stop()


def _daemon(server: Daemon | Embedded) -> Daemon:
    return server.daemon if isinstance(server, Embedded) else server


def _rests(daemon: Daemon) -> bool:
    return all(_is_whole(pool) for pool in daemon.status()["pools"].values())


def _is_whole(pool: Mapping[str, Any]) -> bool:
    """All its workers are there and idle."""
    return bool(pool["state"] == "ready" and pool["workers"]["idle"] == pool["workers"]["total"] >= pool["workers"]["min"])
