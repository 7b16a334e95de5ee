"""The listening sockets of a daemon, known by their normalised addresses, and how their number changes without one moment's absence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

from fcgipm.system.errors import SystemProblem
from fcgipm.system.listeners import Listener, prepare

Wanted = Iterable[tuple[str, Mapping[str, Any]]]
"""For whom an address is, for people, and its settings."""


def wanted(settings: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """All addresses of an effective configuration."""
    pools = [(f"pool {name}", one) for name, pool in settings["pools"].items() for one in pool["listen"]]
    http = [(f"http for pool {one['pool']}", one["listen"]) for one in settings["http"]]
    status = settings["status"]
    return pools + http + ([] if status is None else [("status", status["listen"])])


class Openings:
    """A step from the listeners that are open to those that are wanted: `prepared` first, then public, or given up.

    `listeners` are those of the new configuration by address: kept ones with the socket that they have, so that no connection in their queue is lost.
    """

    def __init__(
        self, opened: Mapping[str, Listener], addresses: Wanted, left_behind: frozenset[str] = frozenset(), anew: Set[str] = frozenset()
    ) -> None:
        """Bind what is new, for nobody to see yet; also at the addresses `anew`, which are taken over from their listeners of before.

        Raises:
            SystemProblem: with every problem, a line each; nothing has changed.
        """
        self.listeners: dict[str, Listener] = {}
        self._new: list[Listener] = []
        self._kept: list[tuple[Listener, Mapping[str, Any]]] = []
        problems = []
        for whose, settings in addresses:
            address = settings["address"]
            listener = opened.get(address)
            if listener is not None and listener.is_reachable and address not in anew:
                self._kept.append((listener, settings))
                self.listeners[address] = listener
                continue
            try:
                self.listeners[address] = prepare(settings, left_behind | anew)
                self._new.append(self.listeners[address])
            except SystemProblem as problem:
                problems.append(f"{whose}: {problem}")
        if problems:
            self.give_up()
            raise SystemProblem("\nfcgipm: ".join(problems))

    @property
    def new(self) -> list[Listener]:
        """Those that were not open before."""
        return self._new

    def publish(self) -> None:
        """Let clients come. Raises SystemProblem; then everything is as before."""
        undo: list[Callable[[], None]] = []
        try:
            for listener, settings in self._kept:
                undo.append(listener.adopt(settings))
            for listener in self._new:
                listener.publish()
        except SystemProblem:
            for restore in reversed(undo):
                restore()
            self.give_up()
            raise

    def give_up(self) -> None:
        """Nothing was changed, and nothing of it is left."""
        for listener in self._new:
            listener.give_up()
