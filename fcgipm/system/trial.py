"""Load an application in a throw-away process, as the pool's user and under its Python: exactly the template that `run` would start, without listeners."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from fcgipm import orders
from fcgipm.system.board import Board
from fcgipm.system.errors import SystemProblem
from fcgipm.system.spawn import CHANNEL, Means, Template, start_template

SECONDS = 60.0
"""How long an import may take."""

OUTPUT_LIMIT = 64 << 10


class Trial(NamedTuple):
    """How it went."""

    python: str | None
    """Version of the pool's Python when the application was loaded, else None."""
    output: str
    """The end of what the import wrote, a traceback among it if it failed."""


def try_application(pool: Mapping[str, Any], seconds: float = SECONDS) -> Trial:
    """Load the application of `pool` (the effective configuration of one pool); the process is gone afterwards."""
    board = Board.create(pool["name"], 1)
    give, take = socket.socketpair(*CHANNEL)
    try:
        with give, take:
            means = Means(board.descriptor, give.fileno(), take.fileno())
            return _watched(start_template({**pool, "listen": [], "preload": True}, 1, means), seconds)
    except SystemProblem as problem:
        return Trial(None, str(problem))
    finally:
        board.close()


def _watched(template: Template, seconds: float) -> Trial:
    try:
        return _verdict(template, time.monotonic() + seconds, seconds)
    finally:
        template.channel.close()
        _end(template.pid)
        os.close(template.output)


def _verdict(template: Template, deadline: float, seconds: float) -> Trial:
    """Wait for the template's word, or its end; meanwhile take its output, so that it never waits for us."""
    output = b""
    with selectors.DefaultSelector() as selector:
        selector.register(template.channel, selectors.EVENT_READ)
        selector.register(template.output, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            ready = {key.fd for key, _ in selector.select(left)}
            if template.output in ready:
                output = _more(template.output, output, selector)
            if template.channel.fileno() in ready:
                return _outcome(template, _rest(template.output, output))
    return Trial(None, f"{output.decode(errors='replace')}the import did not end within {seconds:g} seconds")


def _more(output: int, so_far: bytes, selector: selectors.BaseSelector) -> bytes:
    chunk = os.read(output, OUTPUT_LIMIT)
    if not chunk:
        selector.unregister(output)
    return (so_far + chunk)[-OUTPUT_LIMIT:]


def _rest(output: int, so_far: bytes) -> bytes:
    """What is still in the pipe; it does not block."""
    try:
        while chunk := os.read(output, OUTPUT_LIMIT):
            so_far = (so_far + chunk)[-OUTPUT_LIMIT:]
    except BlockingIOError:
        pass
    return so_far


def _outcome(template: Template, output: bytes) -> Trial:
    word, arguments = orders.decode(_word(template.channel))
    if word == orders.READY:
        return Trial(arguments[0], output.decode(errors="replace"))
    if word != orders.FAILED:  # It ended by itself: its last words may still be on their way.
        os.waitid(os.P_PID, template.pid, os.WEXITED | os.WNOWAIT)
        output = _rest(template.output, output)
    return Trial(None, output.decode(errors="replace"))


def _word(channel: socket.socket) -> bytes:
    """What the template says; nothing when it ended, which is a reset if it had not even read START."""
    try:
        return channel.recv(orders.MESSAGE_LIMIT)
    except ConnectionResetError:
        return b""


def _end(pid: int) -> None:
    """Kill the process and what it started in its session's first group, and reap it."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os.waitpid(pid, 0)
