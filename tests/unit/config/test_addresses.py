from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgipm.config.addresses import AddressError, host, normalised


@pytest.mark.parametrize(
    ("text", "one_spelling"),
    [
        ("unix:/run/web.sock", "unix:/run/web.sock"),
        ("unix:web.sock", "unix:web.sock"),
        ("unix:/run/a:b.sock", "unix:/run/a:b.sock"),
        ("127.0.0.1:9000", "127.0.0.1:9000"),
        ("127.0.0.1:09000", "127.0.0.1:9000"),
        ("[::1]:9000", "[::1]:9000"),
        ("[0:0:0:0:0:0:0:1]:9000", "[::1]:9000"),
        ("[FE80::A]:1", "[fe80::a]:1"),
        ("0.0.0.0:65535", "0.0.0.0:65535"),
        ("fd:3", "fd:3"),
        ("fd:003", "fd:3"),
    ],
)
def test_addresses(text: str, one_spelling: str) -> None:
    assert normalised(text) == one_spelling


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("", "unix:/path"),
        ("9000", "127.0.0.1:9000"),
        (":9000", "0.0.0.0"),
        ("*:9000", "0.0.0.0"),
        ("localhost:9000", "IP address"),
        ("127.0.0.1", "port"),
        ("127.0.0.1:0", "1 to 65535"),
        ("127.0.0.1:65536", "1 to 65535"),
        ("127.0.0.1:http", "port"),
        ("::1:9000", "[::1]:9000"),
        ("[127.0.0.1]:9000", "[::1]:9000"),
        ("[fe80::1%eth0]:9000", "IP address"),
        ("unix:", "unix:/run"),
        ("unix:/run/", "socket file"),
        ("unix:@abstract", "abstract"),
        ("fd:2", "fd:3"),
        ("fd:x", "fd:NUMBER"),
        ("fd:²", "fd:NUMBER"),
        ("systemd:web", "unix:/path"),
        ("http://127.0.0.1:80", "unix:/path"),
    ],
)
def test_texts_that_are_no_addresses_tell_the_way_out(text: str, way_out: str) -> None:
    with pytest.raises(AddressError) as caught:
        normalised(text)
    assert way_out in str(caught.value)


@given(st.ip_addresses(), st.integers(min_value=1, max_value=65535))
def test_every_ip_address_and_port(address: object, port: int) -> None:
    text = f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"
    assert normalised(text) == text
    assert normalised(normalised(text)) == normalised(text)


@given(st.text())
def test_any_text_is_an_address_or_an_address_error(text: str) -> None:
    try:
        assert normalised(normalised(text)) == normalised(text)
    except AddressError:
        pass


def test_hosts() -> None:
    assert host("0:0::1") == "::1"
    for wrong in ("localhost", "10.0.0.0/8", "fe80::1%eth0", ""):
        with pytest.raises(AddressError):
            host(wrong)
