"""Request targets: what is asked for, and the path as nginx would give it to an application."""

from __future__ import annotations

import pytest

from fcgipm.web.target import BadRequest, normal, split


@pytest.mark.parametrize(
    ("target", "authority", "uri", "path", "query"),
    [
        (b"/", None, b"/", b"/", b""),
        (b"/a?b=c?d", None, b"/a?b=c?d", b"/a", b"b=c?d"),
        (b"/a?", None, b"/a?", b"/a", b""),
        (b"/x%2Fy%20z/q%c3%a9", None, b"/x%2Fy%20z/q%c3%a9", b"/x/y z/q\xc3\xa9", b""),
        (b"/%FF", None, b"/%FF", b"/\xff", b""),
        (b"/a+b;p", None, b"/a+b;p", b"/a+b;p", b""),
        (b"/a#b?c", None, b"/a", b"/a", b""),
        (b"http://shop.example:8080/a?b", b"shop.example:8080", b"/a?b", b"/a", b"b"),
        (b"HTTP://shop.example", b"shop.example", b"/", b"/", b""),
        (b"http://shop.example?b", b"shop.example", b"/?b", b"/", b"b"),
    ],
)
def test_g92_g93_g95_parts(target: bytes, authority: bytes | None, uri: bytes, path: bytes, query: bytes) -> None:
    assert split(target) == (authority, uri, path, query)


@pytest.mark.parametrize("target", [b"*", b"shop.example:443", b"ftp://x/", b"/%00", b"/..", b"/a/../../b", b"/%2e%2e/x"])
def test_refused(target: bytes) -> None:
    with pytest.raises(BadRequest):
        split(target)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/a/../b", b"/b"),
        (b"/a/./b", b"/a/b"),
        (b"/a/..", b"/"),
        (b"/a/.", b"/a/"),
        (b"/a/b/..", b"/a/"),
        (b"//a//b", b"//a//b"),
        (b"//a/../b", b"//b"),
        (b"/.hidden/..x", b"/.hidden/..x"),
    ],
)
def test_g94_dot_segments(path: bytes, expected: bytes) -> None:
    assert normal(path) == expected
