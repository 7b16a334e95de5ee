"""Writing to somebody who does not read."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from fcgipm.master.log import Log
from fcgipm.master.sink import Sink


@pytest.fixture(params=["pipe", "socket", "terminal"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Where to read and where to write, blocking as they are inherited."""
    if request.param == "pipe":
        reader, writer = os.pipe()
    elif request.param == "terminal":
        reader, writer = os.openpty()
    else:
        reader, writer = (end.detach() for end in socket.socketpair())
    yield reader, writer
    os.close(reader)
    os.close(writer)


def read_all(descriptor: int) -> bytes:
    os.set_blocking(descriptor, False)
    data = b""
    while True:
        try:
            data += os.read(descriptor, 65536)
        except BlockingIOError:
            return data.replace(b"\r\n", b"\n")


@pytest.mark.parametrize("size", [100, 7000])
def test_it_never_waits_and_never_tears_a_line(ends: tuple[int, int], size: int) -> None:
    reader, writer = ends
    sink = Sink(writer)
    taken = []
    for number in range(10000):
        line = f"{number} ".encode().ljust(size, b"x") + b"\n"
        if not sink.put(line):
            break
        taken.append(line)
    assert taken and sink.lost == 1 and not sink.put(b"lost\n") and sink.lost == 2
    arrived = read_all(reader)
    assert sink.put(b"again\n") and sink.lost == 0
    assert arrived + read_all(reader) == b"".join(taken) + b"again\n"


def test_the_log_tells_how_many_lines_were_lost() -> None:
    reader, writer = os.pipe()
    log = Log(f"/proc/self/fd/{writer}", level="warning")
    for number in range(5000):
        log.warning(f"{number:0100}")
    first = read_all(reader).count(b"\n")
    log.warning("again")
    log.warning("and again")
    lines = read_all(reader).decode().splitlines()
    os.close(reader)
    os.close(writer)
    assert first > 100 and [line.split(" ", 2)[2] for line in lines[-3:]] == [
        f"{5000 - first - (len(lines) - 3)} lines of this log were lost: nobody took them", "again", "and again",
    ]  # fmt: skip
