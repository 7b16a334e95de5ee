"""When a dump of stacks is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from fcgipm.master.loop import Loop
from fcgipm.master.stacks import PATIENCE, QUIET, StackReader

WORKER: Any = SimpleNamespace(pid=None, reaped=False)


@pytest.fixture
def pipe() -> Iterator[tuple[StackReader, Loop, int]]:
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    loop = Loop()
    reader = StackReader(read_end, loop)
    yield reader, loop, write_end
    os.close(write_end)
    reader.close()
    loop.close()


def test_it_waits_for_what_is_to_be_told_with_it(pipe: tuple[StackReader, Loop, int]) -> None:
    reader, loop, write_end = pipe
    told: list[list[str]] = []
    known = False
    reader.ask(WORKER, told.append, 0.0, lambda: known)
    os.write(write_end, b"Current thread\n")
    loop.turn(1.0)
    for now in (0.1, 0.1 + QUIET, 0.1 + 2 * QUIET):
        reader.see_to(now)
    assert told == []
    known = True
    reader.see_to(reader.due or 0.0)
    assert told == [["Current thread"]]


def test_but_not_for_ever(pipe: tuple[StackReader, Loop, int]) -> None:
    reader, _, _ = pipe
    told: list[list[str]] = []
    reader.ask(WORKER, told.append, 0.0, lambda: False)
    reader.see_to(PATIENCE)
    assert told == [[]]


def test_who_never_falls_silent_does_not_keep_it(pipe: tuple[StackReader, Loop, int]) -> None:
    _, loop, _ = pipe
    reader = StackReader(os.open("/dev/zero", os.O_RDONLY), loop)
    reader._discard()
    reader.close()
