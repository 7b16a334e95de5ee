"""The same page asked for again and again at two pools in turn: one keeps its processes, the other makes one for each request (CGI).

Nobody who visits decides how much: SECONDS, LAPS and RUNNERS bound a race, and there is one at a time. Where the pools listen is in the environment
(RACE_FASTCGI and RACE_CGI, paths of unix sockets); `fcgipm demo` puts it there. The little FastCGI that this takes is written from the specification.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import median

from .records import pair_bytes, record_bytes

LANES = {"fastcgi": "RACE_FASTCGI", "cgi": "RACE_CGI"}
SECONDS = 3.0
LAPS = 20_000
"""Of a lane, which has the machine to itself meanwhile: side by side, the fast one takes the processors of the other."""
RUNNERS = 2
"""Requests under way at once."""
TICK = 0.1
PATIENCE = 10.0

_BEGIN, _END, _PARAMS, _STDIN, _STDOUT = 1, 3, 4, 5, 6
_KEPT_RESPONDER = b"\0\1\1" + bytes(5)


def lanes(environ: Mapping[str, str]) -> dict[str, str]:
    """Paths of the two sockets; nothing when there are not both."""
    found = {lane: environ.get(name, "") for lane, name in LANES.items()}
    return found if all(found.values()) else {}


def lap_request(path: str) -> bytes:
    """GET of a path, over a connection that stays open (sections 3.3, 3.4, 5.1)."""
    params = {
        "REQUEST_METHOD": "GET", "REQUEST_URI": path, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1", "GATEWAY_INTERFACE": "CGI/1.1",
    }  # fmt: skip
    pairs = b"".join(pair_bytes(name, value) for name, value in params.items())
    return record_bytes(_BEGIN, _KEPT_RESPONDER) + record_bytes(_PARAMS, pairs) + record_bytes(_PARAMS) + record_bytes(_STDIN)


class Lane:
    """What has been run in one lane. The runners write, the race reads."""

    def __init__(self, address: str, request: bytes) -> None:
        self._address, self._request = address, request
        self._seconds = 0.0
        self._lock = threading.Lock()
        self._started = 0
        self._waits: list[float] = []
        self._pids: set[int] = set()
        self._failure: str | None = None

    def run(self, deadline: float, over: threading.Event) -> None:
        """One lap after the other, on one connection while it lasts."""
        connection: socket.socket | None = None
        try:
            while time.monotonic() < deadline and not over.is_set() and self._may_start():
                began = time.monotonic()
                connection = connection or self._connect()
                connection.sendall(self._request)
                pid = _read_pid(connection)
                with self._lock:
                    self._waits.append(1000 * (time.monotonic() - began))
                    self._pids.add(pid)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            self._failure = f"{type(problem).__name__}: {problem}"
        finally:
            if connection:
                connection.close()

    def _may_start(self) -> bool:
        with self._lock:
            self._started += 1
            return self._started <= LAPS and self._failure is None

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(self._address)
        return connection

    def so_far(self) -> dict[str, object]:
        """Seconds it has been run for, laps, processes that ran them, and the median of the last laps in milliseconds."""
        with self._lock:
            recent, laps, processes = self._waits[-100:], len(self._waits), len(self._pids)
        ms = round(median(recent), 2) if recent else None
        return {"seconds": round(self._seconds, 2), "laps": laps, "processes": processes, "ms": ms, "failure": self._failure}

    def whole(self) -> Iterator[None]:
        """All of its laps; something every TICK."""
        over, began = threading.Event(), time.monotonic()
        runners = [threading.Thread(target=self.run, args=(began + SECONDS, over), daemon=True) for _ in range(RUNNERS)]
        try:
            for runner in runners:
                runner.start()
            running = True
            while running:
                due = time.monotonic() + TICK
                for runner in runners:
                    runner.join(max(0.0, due - time.monotonic()))
                running = any(runner.is_alive() for runner in runners)
                self._seconds = time.monotonic() - began
                yield
        finally:  # also when the visitor leaves
            over.set()
            for runner in runners:
                runner.join()


def _read_pid(connection: socket.socket) -> int:
    """The process that answered. Raises ValueError for another answer than a lap's."""
    stdout = b""
    with connection.makefile("rb") as stream:
        while True:
            header = stream.read(8)
            if len(header) < 8:
                raise ValueError("the connection ended within an answer")
            content = stream.read(int.from_bytes(header[4:6]) + header[6])[: int.from_bytes(header[4:6])]
            if header[1] == _STDOUT:
                stdout += content
            elif header[1] == _END:
                break
    return int(json.loads(stdout.partition(b"\r\n\r\n")[2])["pid"])


def race(addresses: Mapping[str, str], path: str) -> Iterator[str]:
    """Lines of JSON: how far each lane is, every TICK; the last says that it is over. One line with `busy` when another race is under way."""
    with _alone(os.path.dirname(addresses["cgi"])) as alone:
        if not alone:
            yield json.dumps({"busy": True}) + "\n"
            return
        request = lap_request(path)
        field = {name: Lane(address, request) for name, address in addresses.items()}
        for name, lane in field.items():
            yield _line(field, name)
            for _ in lane.whole():
                yield _line(field, name)
        yield _line(field, None)


def _line(field: Mapping[str, Lane], running: str | None) -> str:
    return json.dumps({"running": running, **{name: lane.so_far() for name, lane in field.items()}}) + "\n"


@contextmanager
def _alone(folder: str) -> Iterator[bool]:
    """Whether nobody else of this machine's demonstration is here: a lock on the sockets' folder, which no file is left of."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)
