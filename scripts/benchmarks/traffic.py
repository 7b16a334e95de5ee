"""Clients that ask again as soon as they are answered, in one thread, while something happens to the server. What goes wrong is counted, not raised."""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import NamedTuple, Protocol

LOOK_SECONDS = 0.05
"""How soon the end is noticed while nothing comes."""
PAUSE_SECONDS = 0.02
"""Before a client that failed asks again: an error that comes at once must not count more often than the requests would have."""
PATIENCE = 10.0
"""Seconds without an answer after which a request has failed."""


class Failed(Exception):
    """A request was not answered as it should; the text says how."""


class Attempt(NamedTuple):
    """One request; times in seconds of the machine's monotonic clock."""

    label: str
    sent: float
    ended: float
    failure: str
    """Why it failed; nothing when it was answered."""

    @property
    def milliseconds(self) -> float:
        """How long the client waited."""
        return (self.ended - self.sent) * 1000


class Client(Protocol):
    """Somebody who sends one request after the other."""

    label: str
    """What the request under way is called."""

    def ask(self) -> socket.socket | None:
        """Send a request; where its answer comes, or None: there will be no more. Raises Failed or OSError."""

    def read(self) -> bool:
        """Read what has come; whether the answer is whole. Raises Failed or OSError."""

    def close(self) -> None:
        """Let go of the connection."""


class _Crowd:
    """All clients at once. `waiting` have failed and ask again at that time, `asking` maps the others to when they sent."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self.attempts: list[Attempt] = []
        self.waiting: list[tuple[float, Client]] = [(0.0, client) for client in clients]
        self.asking: dict[Client, tuple[float, socket.socket]] = {}
        self.selector = selectors.DefaultSelector()
        self._looked = 0.0

    def ask(self, client: Client) -> None:
        sent = time.monotonic()
        try:
            sock = client.ask()
        except (Failed, OSError) as error:
            self._failed(client, sent, error)
            return
        if sock is not None:
            self.asking[client] = (sent, sock)
            self.selector.register(sock, selectors.EVENT_READ, client)

    def read(self, client: Client) -> bool:
        """Whether the client was answered."""
        try:
            if not client.read():
                return False
        except (Failed, OSError) as error:
            self._failed(client, self._drop(client), error)
            return False
        self.attempts.append(Attempt(client.label, self._drop(client), time.monotonic(), ""))
        return True

    def give_up(self) -> None:
        """Those that wait for too long have failed."""
        now = time.monotonic()
        if now < self._looked + LOOK_SECONDS:
            return
        self._looked = now
        for client in [client for client, (sent, _) in self.asking.items() if sent < now - PATIENCE]:
            self._failed(client, self._drop(client), Failed(f"no answer within {PATIENCE:g} s"))

    def due(self) -> list[Client]:
        """Those that may ask again now."""
        now = time.monotonic()
        due = [client for at, client in self.waiting if at <= now]
        self.waiting = [(at, client) for at, client in self.waiting if at > now]
        return due

    def _drop(self, client: Client) -> float:
        """It waits for nothing any more; when it sent."""
        sent, sock = self.asking.pop(client)
        self.selector.unregister(sock)
        return sent

    def _failed(self, client: Client, sent: float, error: Exception) -> None:
        now = time.monotonic()
        self.attempts.append(Attempt(client.label, sent, now, describe(error)))
        client.close()
        self.waiting.append((now + PAUSE_SECONDS, client))


def run(clients: Sequence[Client], over: Event) -> list[Attempt]:
    """Let them ask until it is over, or none has more to ask; each finishes what it has begun."""
    crowd = _Crowd(clients)
    with crowd.selector:
        while crowd.asking or (crowd.waiting and not over.is_set()):
            for client in crowd.due() if not over.is_set() else ():
                crowd.ask(client)
            for key, _ in crowd.selector.select(PAUSE_SECONDS if crowd.waiting else LOOK_SECONDS):
                if crowd.read(key.data) and not over.is_set():
                    crowd.ask(key.data)
            crowd.give_up()
    for client in clients:
        client.close()
    return crowd.attempts


@contextmanager
def beside(clients: Sequence[Client]) -> Iterator[Callable[[], list[Attempt]]]:
    """Have them ask in a thread of their own. What is given ends it, and tells of all requests."""
    over = Event()
    with ThreadPoolExecutor(1) as thread:
        load = thread.submit(run, clients, over)

        def end() -> list[Attempt]:
            over.set()
            return load.result()

        try:
            yield end
        finally:
            over.set()


def failures(attempts: Sequence[Attempt]) -> Counter[str]:
    """What went wrong, and how often."""
    return Counter(one.failure for one in attempts if one.failure)


def describe(error: Exception) -> str:
    """One short line."""
    return str(error) if isinstance(error, Failed) else type(error).__name__
