"""The control protocol, without I/O.

A request is one line of JSON, an object with `command` and that command's arguments. The answer is any number of lines with `progress` (text), then one with
`result`: what the command returned, or null beside `error` (text) when it was refused.
"""

from __future__ import annotations

import json
from typing import Any

LINE_LIMIT = 65536
"""Bytes of the longest request."""


class ControlProtocolError(Exception):
    """The other side does not speak this protocol; the text says how."""


class LineBuffer:
    """Bytes in, whole lines out; a line longer than `limit` is an error."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completed, without their ends. Raises ControlProtocolError when a line grows too long."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self._limit or any(len(line) > self._limit for line in lines):
            raise ControlProtocolError(f"a line is longer than {self._limit} bytes")
        return lines


def encode(message: dict[str, Any]) -> bytes:
    """One line."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def progress(text: str) -> bytes:
    """A line that tells how far a command has come."""
    return encode({"progress": text})


def result(value: Any) -> bytes:
    """The last line of an answer."""
    return encode({"result": value})


def refusal(text: str) -> bytes:
    """The last line of an answer to a command that was not carried out."""
    return encode({"result": None, "error": text})


def decode_request(line: bytes) -> dict[str, Any]:
    """A request. Raises ControlProtocolError."""
    message = _decode(line)
    if not isinstance(message.get("command"), str):
        raise ControlProtocolError('a request needs the key "command" with a text')
    return message


def decode_answer(line: bytes) -> dict[str, Any]:
    """One line of an answer. Raises ControlProtocolError."""
    return _decode(line)


def _decode(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise ControlProtocolError("a line is no JSON") from None
    if not isinstance(message, dict):
        raise ControlProtocolError("a line is no JSON object")
    return message
