"""Thousands of interruptions at any instant of a request, in a process of its own whose main thread serves, as a worker's does.

    python -m tests.support.hammer ROUNDS SEED

Prints what came out of it as JSON: how many rounds were interrupted, and everything that was wrong.
"""

from __future__ import annotations

import faulthandler
import json
import random
import sys
import threading
import time
from typing import Any

from fcgipm import scoreboard
from fcgipm.gateways.wsgi import Gateway
from fcgipm.worker.deadlines import RequestWatch

BLOCKS = 3


class Exchange:
    """Takes a response down."""

    left = False

    def __init__(self) -> None:
        self.sent = b""
        self.finished = self.was_cut = 0

    def receive_body(self) -> bytes:
        return b""

    def send(self, head: bytes, block: bytes) -> None:
        self.sent += head + block

    def finish(self, head: bytes, block: bytes) -> None:
        self.sent += head + block
        self.finished += 1

    def cut(self) -> None:
        self.was_cut += 1


class Application:
    """Its own result, so that an instance that was made is one that the gateway has."""

    made = closed = 0

    def __init__(self, environ: dict[str, Any], start_response: Any) -> None:
        self._left = BLOCKS
        self._turns = int(environ["TURNS"])
        start_response("200 OK", [])
        Application.made += 1

    def __iter__(self) -> Application:
        return self

    def __next__(self) -> bytes:
        for _ in range(self._turns):
            pass
        if not self._left:
            raise StopIteration
        self._left -= 1
        return b"block"

    def close(self) -> None:
        Application.closed += 1


WHOLE = b"Status: 200 OK\r\n\r\n" + b"block" * BLOCKS


def fault(exchange: Exchange, status: int, expired: bool) -> str | None:
    """What is wrong with a response, or None."""
    if Application.made != Application.closed:
        return f"{Application.made} made, {Application.closed} closed"
    if not expired:
        return None if (exchange.sent, exchange.finished, status) == (WHOLE, 1, 200) else f"not interrupted: {exchange.sent!r}"
    if exchange.sent.startswith(b"Status: 504 "):
        return None if exchange.finished == 1 and b"block" not in exchange.sent and status == 504 else f"mixed: {exchange.sent!r}"
    whole = exchange.sent == WHOLE and exchange.finished == 1
    cut = WHOLE.startswith(exchange.sent) and exchange.sent and not exchange.finished and exchange.was_cut
    return None if whole or cut else f"neither cut nor complete: {exchange.sent!r} {exchange.finished} {exchange.was_cut}"


def hammer(rounds: int, seed: int) -> dict[str, Any]:
    chance = random.Random(seed)
    slot = memoryview(bytearray(scoreboard.SLOT_BYTES)).cast("Q")
    watch = RequestWatch()
    watch.slot = slot
    watch.attach()
    gateway = Gateway(Application, mount="", multithread=False, multiprocess=True, worker="1-1-0", watch=watch)
    over = threading.Event()

    def shoot() -> None:
        while not over.is_set():
            time.sleep(chance.random() / 5000)
            since = slot[scoreboard.RUNNING_SINCE]
            if since:
                watch.expire(since)

    thread = threading.Thread(target=shoot)
    thread.start()
    expired, faults = 0, []
    try:
        for number in range(rounds):
            Application.made = Application.closed = 0
            exchange = Exchange()
            environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/", "QUERY_STRING": "", "TURNS": str(number % 400)}
            watch.started = time.monotonic_ns()
            response = gateway.serve(environ, exchange)
            expired += response.expired
            wrong = fault(exchange, response.status, response.expired)
            faults += [] if wrong is None else [wrong]
    except BaseException as error:
        faults.append(f"outside of any request: {error!r}")
    over.set()
    thread.join()
    return {"expired": expired, "faults": faults[:10]}


if __name__ == "__main__":
    faulthandler.dump_traceback_later(90, exit=True)
    sys.setswitchinterval(1e-5)
    print(json.dumps(hammer(int(sys.argv[1]), int(sys.argv[2]))))
