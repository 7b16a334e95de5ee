"""Whatever comes, however it is cut: time in proportion to its bytes, memory within bounds."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable

import pytest

from fcgipm.wire.fastcgi import Application, RemoteProtocolError
from tests.support import fastcgi as peer


def seconds(act: Callable[[], object]) -> float:
    """Processor time of the fastest of five."""
    best = float("inf")
    for _ in range(5):
        before = time.process_time()
        act()
        best = min(best, time.process_time() - before)
    return best


def feed(data: bytes, piece: int, params: int = 1 << 22) -> None:
    application = Application(params)
    try:
        for at in range(0, len(data), piece):
            application.receive(data[at : at + piece])
            application.replies = b""
    except RemoteProtocolError:
        pass


SHAPES = {
    "one record byte by byte": lambda size: (peer.begin() + peer.record(4, b"\0" * size), 1),
    "params in tiny records": lambda size: (peer.begin() + peer.record(4, b"\0\0") * (size // 10), 100),
    "a body in tiny records": lambda size: (peer.begin() + peer.record(4) + peer.record(5, b"xx") * (size // 10), 1000),
    "stray records": lambda size: (peer.record(5, b"xx", id=9) * (size // 10), 70000),
    "padding": lambda size: (peer.record(2, id=9, padding=255) * (size // 263), 7),
    "questions": lambda size: (peer.record(9, peer.pair("A", ""), id=0) * (size // 11), 500),
    "tiny pairs": lambda size: (peer.begin() + peer.stream(4, peer.pair("A", "") * (size // 3)), 65536),
    "refused requests": lambda size: (peer.begin(1) + peer.begin(2) * (size // 16), 4096),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_time_is_linear(shape: str) -> None:
    """Eight times the bytes take about eight times as long; quadratic time would be 64 times."""
    few, many = (seconds(lambda size=size: feed(*SHAPES[shape](size))) for size in (8_000, 64_000))
    assert many < 25 * few + 0.002, f"{few:.5f} s, {many:.5f} s"


FLOODS = {
    "noise behind a valid start": peer.begin() + b"\1\4\0\1\xff\xff\xff\0" + random.Random(0).randbytes(1 << 20),
    "params over the limit": peer.begin() + peer.record(4, b"x" * 65535) * 64,
    "an enormous length": peer.begin() + peer.record(4, b"\xff\xff\xff\xff" + b"x" * 60000) * 64,
    "a body nobody waits for": peer.record(5, b"x" * 65535, id=3) * 64,
    "padding": peer.record(2, id=9, padding=255) * 16000,
}


@pytest.mark.parametrize("flood", FLOODS)
def test_memory_is_bounded(flood: str) -> None:
    """Limit of params 64 KiB, pieces of 16 KiB: whatever comes, a few times these is the most the codec holds."""
    data = memoryview(FLOODS[flood])
    application = Application(65536)
    tracemalloc.start()
    try:
        for at in range(0, len(data), 16384):
            application.receive(bytes(data[at : at + 16384]))
    except RemoteProtocolError:
        pass
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 300_000, f"{most} bytes at most"
