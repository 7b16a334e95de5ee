"""Error output of a CGI program as lines of the log."""

from __future__ import annotations

import os

import pytest

from fcgipm.worker.cgi_errors import ErrorLines


def told(data: bytes, capfd: pytest.CaptureFixture[str]) -> list[str]:
    """What is said of it, without the program's name."""
    read_end, write_end = os.pipe()
    lines = ErrorLines("x")
    os.write(write_end, data)
    os.close(write_end)
    while lines.read(read_end):
        pass
    lines.end()
    os.close(read_end)
    return [line.removeprefix("x: ") for line in capfd.readouterr().err.splitlines()]


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("sign", ["é", "€", "😀"])
@pytest.mark.parametrize("before", range(4))
def test_a_long_line_is_cut_between_characters(before: int, sign: str, end: str, capfd: pytest.CaptureFixture[str]) -> None:
    line = "x" * before + sign * 2000
    pieces = told((line + end).encode(), capfd)
    assert "".join(pieces) == line
    assert all(996 < len(piece.encode()) <= 1000 for piece in pieces[:-1])


def test_what_is_no_text_is_cut_anywhere(capfd: pytest.CaptureFixture[str]) -> None:
    assert told(b"\x80" * 2500, capfd) == ["\\x80" * count for count in (1000, 1000, 500)]


def test_lines_that_are_not_long_stay_whole(capfd: pytest.CaptureFixture[str]) -> None:
    assert told(b"a\n\n" + b"b" * 1000 + b"\n" + b"c" * 1000, capfd) == ["a", "", "b" * 1000, "c" * 1000]
