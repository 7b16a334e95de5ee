"""Hello world in a worker that leaves out parts of itself as it is asked to: what a part costs is the difference.

A request whose query string is ``parts=NAME`` switches; it holds for the connections that are made from then on. The pool has an access log.
Only here, in a benchmark, may an application reach into its worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.applications.hello import application as hello
from fcgipm.gateways.watch import Watch
from fcgipm.worker import loop
from fcgipm.worker.accesslog import CountedConnection, LoggedGateway
from fcgipm.worker.connection import Connection

DOORS = loop.Loop.open_doors
SWITCH = "parts="


class Unwatched(Watch):
    """In the place of a RequestWatch."""

    started = 0
    slot: Any = None


class Untold:
    """In the place of a Tally."""

    def begin(self, *_: Any) -> str:
        return ""

    def end(self, *_: Any) -> None: ...


class Worker:
    """What may be switched in a loop that has opened its doors."""

    def __init__(self, whole: loop.Loop) -> None:
        if not isinstance(whole.gateway, LoggedGateway):
            raise SystemExit("a pool for this benchmark has an access log")
        self._loop: Any = whole
        self._watch = whole.watch
        self._tally = self._loop._tally
        self._logged: Any = whole.gateway
        self._bare: Any = self._logged._gateway
        log = self._logged._descriptor
        self._logs = {form: LoggedGateway(self._bare, log, form, "switched", whole.watch) for form in ("json", "combined")}

    def switch(self, parts: str) -> None:
        """Without a log: ``whole``, ``no-scoreboard``, ``no-watch``, ``neither``; with one: ``json``, ``combined``."""
        without_scoreboard, without_watch = parts in ("no-scoreboard", "neither"), parts in ("no-watch", "neither")
        self._loop._tally = Untold() if without_scoreboard else self._tally
        self._loop.watch = self._bare._watch = Unwatched() if without_watch else self._watch
        self._loop.gateway = self._logs.get(parts, self._bare)
        self._loop._connection = CountedConnection if parts in self._logs else Connection


WORKERS: list[Worker] = []


def remember(self: loop.Loop) -> None:
    DOORS(self)
    WORKERS.append(Worker(self))


loop.Loop.open_doors = remember  # type: ignore[method-assign]


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["QUERY_STRING"].startswith(SWITCH):
        WORKERS[0].switch(environ["QUERY_STRING"].removeprefix(SWITCH))
    return hello(environ, start_response)
