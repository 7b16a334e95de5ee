"""Response heads on their way to the client, and the pages of our own."""

from __future__ import annotations

import pytest

from fcgipm.web.access import line
from fcgipm.web.answer import BadAnswer, answer, complete
from fcgipm.web.pages import Page
from fcgipm.wire.cgi import Head


def head(*headers: tuple[str, str], status: int = 200) -> Head:
    return Head(status, "x", list(headers))


def test_headers_pass_in_their_order_and_lower_case() -> None:
    found = answer(head(("Set-Cookie", "a=1"), ("X-B", "\xe9"), ("Set-Cookie", "b=2")), "GET")
    assert found.headers == [(b"set-cookie", b"a=1"), (b"x-b", b"\xe9"), (b"set-cookie", b"b=2")]
    assert (found.length, found.empty) == (None, False)


def test_hop_by_hop_headers_stay_behind() -> None:
    names = ["Connection", "Keep-Alive", "Transfer-Encoding", "TE", "Trailer", "Upgrade", "Proxy-Authenticate", "X-Named", "X-Accel-Buffering"]
    given = [(name, "X-Named") for name in names]
    assert answer(head(*given, ("X-Kept", "1")), "GET").headers == [(b"x-kept", b"1")]


@pytest.mark.parametrize(("method", "status", "empty", "sent"), [
    ("GET", 200, False, True), ("HEAD", 200, True, True), ("GET", 204, True, False), ("GET", 304, True, False),
])  # fmt: skip
def test_h135_bodies_that_are_none(method: str, status: int, empty: bool, sent: bool) -> None:
    found = answer(head(("Content-Length", "5"), status=status), method)
    assert found.empty == empty and ((b"content-length", b"5") in found.headers) == sent


@pytest.mark.parametrize("bad", [
    head(status=101), head(status=600), head(("Content-Length", "x")), head(("Content-Length", "1"), ("Content-Length", "2")),
])  # fmt: skip
def test_what_http_cannot_carry(bad: Head) -> None:
    with pytest.raises(BadAnswer):
        answer(bad, "GET")


def test_the_same_length_twice_is_one() -> None:
    assert answer(head(("Content-Length", "5"), ("content-length", "5")), "GET").length == 5


def test_date_and_server_unless_the_application_said_them() -> None:
    assert [name for name, _ in complete([], b"now")] == [b"date", b"server"]
    own = [(b"server", b"mine"), (b"date", b"then")]
    assert complete(own, b"now") == own


def test_a_page_says_which_and_why_in_one_line() -> None:
    page = Page(502, "the pool web takes no connections (Connection refused)")
    assert page.text == "502 Bad Gateway: the pool web takes no connections (Connection refused)\n"
    assert (b"content-length", b"%d" % len(page.text)) in page.head()


@pytest.mark.parametrize(("target", "status", "whole", "expected"), [
    (b"/a?secret=1", 200, True, "GET /a 200 1.5 ms"),
    (b"/a", 200, False, "GET /a 200 1.5 ms, cut short"),
    (b"/a", None, False, "GET /a - 1.5 ms, the client left"),
    (b"/\x1b[31m\n", 200, True, "GET /\\x1b[31m\\n 200 1.5 ms"),
    (b"/" + b"x" * 300, 200, True, "GET /" + "x" * 198 + "… 200 1.5 ms"),
])  # fmt: skip
def test_access_lines(target: bytes, status: int | None, whole: bool, expected: str) -> None:
    assert line("GET", target, status, 0.0015, whole) == expected
