"""A process's output on its way into the log."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from fcgipm.master.output import CHUNK, Output
from fcgipm.system.spawn import output_pipe

Pipe = tuple[Output, int, list[str]]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    read_end, write_end = output_pipe(None, None)
    lines: list[str] = []
    output = Output(read_end, lines.append)
    yield output, write_end, lines
    output.close()
    if not output.ended:
        os.close(write_end)


def test_lines_are_delivered_as_they_come(pipe: Pipe) -> None:
    output, write_end, lines = pipe
    os.write(write_end, b"one\ntw")
    assert output.read() and lines == ["one"]
    os.write(write_end, b"o\n")
    assert output.read() and lines == ["one", "two"]
    assert not output.read()


def test_the_end_brings_what_has_no_line_end(pipe: Pipe) -> None:
    output, write_end, lines = pipe
    os.write(write_end, b"last")
    os.close(write_end)
    output.read()
    output.read()
    assert output.ended and lines == ["last"]


def test_one_turn_reads_one_chunk(pipe: Pipe) -> None:
    output, write_end, lines = pipe
    os.set_blocking(write_end, False)
    os.write(write_end, b"x\n" * (CHUNK // 2))
    output.read()
    assert len(lines) <= CHUNK // 2


def test_drain_takes_all_that_is_there_though_somebody_still_holds_the_other_end(pipe: Pipe) -> None:
    output, write_end, lines = pipe
    os.write(write_end, b"one\ntwo")
    output.drain()
    assert lines == ["one", "two"] and not output.ended


def test_last_words(pipe: Pipe) -> None:
    output, write_end, _ = pipe
    assert output.last_words() is None
    os.write(write_end, b"Traceback:\n" * 20 + b"ValueError: x\n\n  \n")
    output.read()
    assert output.last_words() == "ValueError: x"
