"""Output as lines that are safe to log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgipm.master.lines import LINE_LIMIT, LineSplitter, clean


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_chunking_gives_the_same_lines(stream: bytes, step: int) -> None:
    whole = LineSplitter()
    expected = whole.feed(stream) + whole.end()
    pieces = LineSplitter()
    found = [line for at in range(0, len(stream), step) for line in pieces.feed(stream[at : at + step])] + pieces.end()
    assert found == expected


@given(st.binary(max_size=300))
def test_no_control_character_comes_through(noise: bytes) -> None:
    splitter = LineSplitter()
    for line in splitter.feed(noise) + splitter.end():
        assert all(character == "\t" or (ord(character) >= 0x20 and not 0x7F <= ord(character) < 0xA0) for character in line)
        assert "\u2028" not in line and "\u2029" not in line


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"plain", "plain"),
        ("größer €".encode(), "größer €"),
        (b"tab\there", "tab\there"),
        (b"windows\r", "windows"),
        (b"\x1b[31mred\x00", "\\x1b[31mred\\x00"),
        (b"over\rwritten", "over\\x0dwritten"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\x85\u2028".encode(), "\\x85\\u2028"),
        ("\u202etxt.exe\u2066\ufeff\u200f\u061c".encode(), "\\u202etxt.exe\\u2066\\ufeff\\u200f\\u061c"),
        ("全角　空白 \u00a0 👩\u200d🚒".encode(), "全角　空白 \u00a0 👩\u200d🚒"),
    ],
)
def test_escapes(line: bytes, text: str) -> None:
    assert clean(line) == text


def test_a_long_line_goes_on_in_the_next() -> None:
    splitter = LineSplitter()
    lines = splitter.feed(b"x" * (2 * LINE_LIMIT + 5) + b"\n")
    assert [len(line) for line in lines] == [LINE_LIMIT, LINE_LIMIT, 5]


def test_a_line_without_an_end_takes_no_more_memory_than_a_line() -> None:
    splitter = LineSplitter()
    total = sum(len(line) for _ in range(100) for line in splitter.feed(b"x" * 10000))
    assert total + sum(map(len, splitter.end())) == 1000000


def test_what_has_no_end_comes_at_the_end() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"a\nb") == ["a"] and splitter.end() == ["b"] and splitter.end() == []
