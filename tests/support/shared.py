"""Daemons that the tests of a module have one after the other: a start is 0.3 s of a processor, most tests are a tenth of that.

For tests that leave a daemon as they found it. Each configuration that is asked for has its own; a test begins on a fresh page of the log, and `before`
has the counts of those before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.support.daemon import Daemon, eventually


class SharedDaemons:
    """A test lends what it needs, and all of it is given back at the test's end."""

    def __init__(self) -> None:
        self._resting: dict[str, Daemon] = {}
        self._lent: dict[str, Daemon] = {}

    def lend(self, pools: Mapping[str, Mapping[str, Any]], *, tolerate: Iterable[str] = (), **options: Any) -> Daemon:
        """Like Daemon(pools, …), and it runs."""
        key = repr((pools, options))
        daemon = self._lent.get(key) or self._resting.pop(key, None) or Daemon(pools, **options).start()
        self._lent[key] = daemon
        daemon.tolerate = list(tolerate)
        daemon.turn_page()
        daemon.before = daemon.status()["pools"]
        return daemon

    def give_back(self) -> None:
        """After each test: what it had must be at rest again, with no line in the log that nobody announced. Else the next one begins with another daemon."""
        while self._lent:
            key, daemon = self._lent.popitem()
            try:
                eventually(lambda daemon=daemon: _rests(daemon), "the daemon is as it was before the test")
                alarming = daemon.alarming_lines()
                assert not alarming, "unexpected lines:\n" + "\n".join(alarming)
            except BaseException:
                daemon.show()
                daemon.destroy()
                raise
            self._resting[key] = daemon

    def end(self) -> None:
        """Stop them, with all that Daemon.stop asks of a clean end."""
        while self._resting:
            self._resting.popitem()[1].stop()


def _rests(daemon: Daemon) -> bool:
    return all(_is_whole(pool) for pool in daemon.status()["pools"].values())


def _is_whole(pool: Mapping[str, Any]) -> bool:
    """All its workers are there and idle."""
    return bool(pool["state"] == "ready" and pool["workers"]["idle"] == pool["workers"]["total"] >= pool["workers"]["min"])
