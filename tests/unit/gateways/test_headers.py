"""What of an application's headers is remembered, and what is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fcgipm.gateways import headers
from fcgipm.gateways.headers import encode_header, encode_status, known_header, known_status
from fcgipm.memo import MOST


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    for table in (headers._statuses, headers._headers):
        table.clear()
    yield
    for table in (headers._statuses, headers._headers):
        table.clear()


def test_a_status_is_remembered_unless_it_is_long() -> None:
    """A CGI program may send 60 KB of a reason, and another with each response."""
    long = "200 " + "x" * 60000
    assert encode_status(long) == (b"Status: %b\r\n" % long.encode(), 200) and known_status(long) is None
    assert encode_status("404 Not Found") == known_status("404 Not Found") == (b"Status: 404 Not Found\r\n", 404)


def test_a_header_is_remembered_unless_it_is_long_or_changes() -> None:
    same = ("Content-Type", "text/html")
    assert encode_header(same) == known_header(same) == b"Content-Type: text/html\r\n"
    for other in (("X", "x" * 300), ("x" * 300, "x"), ("Set-Cookie", "a=1"), ("CONTENT-LENGTH", "1")):
        assert encode_header(other) == f"{other[0]}: {other[1]}\r\n".encode() and known_header(other) is None


def test_no_more_than_so_many_are_remembered() -> None:
    for number in range(3 * MOST):
        encode_status(f"200 {number}")
        encode_header(("X", str(number)))
        assert max(map(len, (headers._statuses, headers._headers))) <= MOST


@pytest.mark.parametrize("status", ["100 Continue", "200", "200 a\nb", "200 \u0100", b"200 OK"])
def test_what_is_no_status_is_refused_each_time(status: str) -> None:
    for _ in range(2):
        with pytest.raises((TypeError, ValueError)):
            encode_status(status)
    assert not headers._statuses


@pytest.mark.parametrize("header", [("Status", "200"), ("Connection", "close"), ("a b", "c"), ("a", "b\n"), ("a", "\u0100"), ("a", 1), ("a",), ["a", "b"]])
def test_what_is_no_header_is_refused_each_time(header: tuple[str, str]) -> None:
    for _ in range(2):
        with pytest.raises((TypeError, ValueError)):
            encode_header(header)
    assert not headers._headers
