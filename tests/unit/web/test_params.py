"""The meta-variables, as nginx sends them by our file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fcgipm.web.params import Body, Door, body_of, header_pairs, host_of, name_of, params
from fcgipm.web.target import BadRequest, split

DOOR = Door(b"127.0.0.1", b"8000", b"10.0.0.7", b"50000")
NGINX = Path(__file__).parents[3] / "nginx" / "fcgipm_params"


def of(target: bytes = b"/", headers: list[tuple[bytes, bytes]] | None = None, door: Door = DOOR) -> dict[bytes, bytes]:
    given = [(b"host", b"shop.example:8000"), *(headers or [])]
    parts = split(target)
    pairs = params("GET", "1.1", parts, given, host_of(given, parts, "1.1"), body_of(given), door, "0" * 32)
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def test_all_of_a_plain_request() -> None:
    assert of(b"/a%20b?q=1", [(b"accept", b"*/*")]) == {
        b"GATEWAY_INTERFACE": b"CGI/1.1",
        b"SERVER_SOFTWARE": b"fcgipm/0.1.0",
        b"SERVER_PROTOCOL": b"HTTP/1.1",
        b"REQUEST_SCHEME": b"http",
        b"SERVER_NAME": b"shop.example",
        b"SERVER_PORT": b"8000",
        b"SERVER_ADDR": b"127.0.0.1",
        b"SCRIPT_NAME": b"",
        b"PATH_INFO": b"/a b",
        b"REQUEST_METHOD": b"GET",
        b"REQUEST_URI": b"/a%20b?q=1",
        b"QUERY_STRING": b"q=1",
        b"REMOTE_ADDR": b"10.0.0.7",
        b"REMOTE_PORT": b"50000",
        b"REQUEST_ID": b"0" * 32,
        b"HTTP_HOST": b"shop.example:8000",
        b"HTTP_ACCEPT": b"*/*",
    }


def test_names_and_order_are_those_of_the_nginx_file() -> None:
    """A worker remembers the first part and the last; HTTPS is not ours, and the headers that are kept back have no line here."""
    shipped = [name for name in re.findall(r"^fastcgi_param\s+(\w+)", NGINX.read_text(), re.MULTILINE) if name != "HTTPS"]
    shipped = shipped[: shipped.index("HTTP_HOST") + 1]
    ours = [name.decode() for name in of(headers=[(b"content-length", b"3"), (b"content-type", b"text/plain")])]
    assert ours == shipped


def test_c40_repeated_headers_are_joined() -> None:
    headers = [(b"cookie", b"a=1"), (b"x-a", b"1"), (b"cookie", b"b=2"), (b"x-a", b"2")]
    assert list(header_pairs(headers)) == [(b"HTTP_COOKIE", b"a=1; b=2"), (b"HTTP_X_A", b"1, 2")]


def test_g102_g104_g105_what_no_application_gets() -> None:
    names = (b"proxy", b"transfer-encoding", b"content-length", b"content-type", b"x_b", b"host")
    assert list(header_pairs((name, b"1") for name in names)) == []


def test_the_body() -> None:
    assert body_of([]) == Body(None, False) and not body_of([]).expected
    assert not body_of([(b"content-length", b"0")]).expected
    assert body_of([(b"content-length", b"7")]) == Body(7, False)
    chunked = body_of([(b"transfer-encoding", b"chunked")])
    assert chunked == Body(None, True) and chunked.expected
    assert of(headers=[(b"content-length", b"0")])[b"CONTENT_LENGTH"] == b"0"
    assert b"CONTENT_LENGTH" not in of(headers=[(b"transfer-encoding", b"chunked")])


def test_g99_server_name_is_never_empty() -> None:
    cases = {b"": b"localhost", b"Shop.Example:80": b"shop.example", b"[::1]:8000": b"[::1]", b"[::1]": b"[::1]"}
    assert {host: name_of(host) for host in cases} == cases


def test_an_absolute_target_counts_more_than_the_host_header() -> None:
    found = of(b"http://other.example:81/x")
    assert (found[b"HTTP_HOST"], found[b"SERVER_NAME"], found[b"REQUEST_URI"]) == (b"other.example:81", b"other.example", b"/x")


@pytest.mark.parametrize("hosts", [[], [b"a", b"b"]])
def test_http_1_1_wants_one_host(hosts: list[bytes]) -> None:
    with pytest.raises(BadRequest):
        host_of([(b"host", host) for host in hosts], split(b"/"), "1.1")
    assert host_of([], split(b"/"), "1.0") == b""


def test_on_a_unix_socket() -> None:
    found = of(door=Door(b"/run/x.sock", b"", b"unix:", b""))
    assert (found[b"SERVER_PORT"], found[b"REMOTE_ADDR"], found[b"REMOTE_PORT"]) == (b"80", b"unix:", b"")
