"""The commands' side of the control socket. Imports json and socket and little else: `fcgipm status` should cost nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from fcgipm.control import protocol

ANSWER_LINE_LIMIT = 64 * 1024 * 1024


class NotRunning(Exception):
    """Nobody answers at the control socket; the text says where was asked."""


class ControlRefused(Exception):
    """The daemon refused the command, or may not be asked; the text is for people."""


class NoAnswer(ControlRefused):
    """Somebody listens, and said nothing in time."""


def ask(
    path: str, request: dict[str, Any], progress: Callable[[str], None] | None = None, timeout: float | None = 10.0
) -> Any:
    """Send one request and return its result; `progress` gets each line of progress. `timeout` in seconds for each wait, None: for ever.

    Raises:
        NotRunning: nobody listens there, or the daemon went away before it answered.
        ControlRefused: no permission, the command was refused, no answer came in time, or it is none of a daemon's.
    """
    with _connect(path, timeout) as connection:
        try:
            _send(connection, protocol.encode(request))
            return _await_result(connection, path, progress)
        except protocol.ControlProtocolError as error:
            raise ControlRefused(f"what answers at {path} is no fcgipm, or of another version: {error}") from None
        except TimeoutError:
            raise NoAnswer(f"the daemon at {path} gave no answer within {timeout:g} s") from None
        except OSError as error:
            raise NotRunning(f"the daemon at {path} went away: {error.strerror}") from None


def _connect(path: str, timeout: float | None) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    try:
        connection.connect(path)
    except PermissionError:
        connection.close()
        raise ControlRefused(
            f"no permission to use {path}: be root, the daemon's user or a member of its control group"
        ) from None
    except OSError as error:
        connection.close()
        way_out = "start one with `fcgipm run`, or name the one meant by its file (-c FILE) or its socket (--control PATH)"
        raise NotRunning(f"no daemon answers at {path} ({error.strerror or error}): {way_out}") from None
    return connection


def _send(connection: socket.socket, line: bytes) -> None:
    """Send the request. A daemon that refuses whoever we are may have answered and closed already: then there is an answer to read."""
    try:
        connection.sendall(line)
    except (BrokenPipeError, ConnectionResetError):
        pass


def _await_result(connection: socket.socket, path: str, progress: Callable[[str], None] | None) -> Any:
    lines = protocol.LineBuffer(ANSWER_LINE_LIMIT)
    while data := connection.recv(65536):
        for line in lines.feed(data):
            answer = protocol.decode_answer(line)
            if "result" in answer:
                return _result(answer)
            if progress is not None and "progress" in answer:
                progress(str(answer["progress"]))
    raise NotRunning(f"the daemon at {path} went away before it answered")


def _result(answer: dict[str, Any]) -> Any:
    if "error" in answer:
        raise ControlRefused(str(answer["error"]))
    return answer["result"]
