"""Addresses as people write them."""

from __future__ import annotations

import socket

import pytest

from fcgipm.client import AddressError, parse_address


@pytest.mark.parametrize("text", ["unix:/run/web.sock", "/run/web.sock"])
def test_unix(text: str) -> None:
    assert parse_address(text) == (socket.AF_UNIX, "/run/web.sock")


def test_tcp() -> None:
    assert parse_address("127.0.0.1:9000") == (socket.AF_INET, ("127.0.0.1", 9000))
    assert parse_address("[::1]:9000") == (socket.AF_INET6, ("::1", 9000))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("web", "write unix:/path, 127.0.0.1:9000 or"),
        (":9000", "write unix:/path"),
        ("127.0.0.1:", "write unix:/path"),
        ("127.0.0.1:0", "write unix:/path"),
        ("127.0.0.1:65536", "write unix:/path"),
        ("127.0.0.1:http", "write unix:/path"),
        ("unix:web.sock", "starts with /"),
        ("unix:/" + "x" * 107, "107 bytes"),
        ("no such host.invalid:9000", "cannot be found"),
    ],
)
def test_what_is_no_address(text: str, told: str) -> None:
    with pytest.raises(AddressError, match=told):
        parse_address(text)
