"""The meta-variables the client makes."""

from __future__ import annotations

import pytest

from fcgipm.client import params


def test_path_is_split_and_decoded() -> None:
    made = dict(params("GET", "/x%2Fy%20z/q%c3%a9?a=%20&b"))
    assert made[b"PATH_INFO"] == "/x/y z/qé".encode()
    assert made[b"QUERY_STRING"] == b"a=%20&b"
    assert made[b"REQUEST_URI"] == b"/x%2Fy%20z/q%c3%a9?a=%20&b"
    assert made[b"SCRIPT_NAME"] == b""


def test_text_that_no_target_may_hold_is_encoded() -> None:
    made = dict(params("GET", "/é x"))
    assert (made[b"REQUEST_URI"], made[b"PATH_INFO"]) == (b"/%C3%A9%20x", "/é x".encode())


def test_headers_become_meta_variables_and_repeated_ones_stay_repeated() -> None:
    made = params("POST", "/", [("X-Tag", "1"), ("x-tag", "2"), ("content-type", "text/x"), ("Content-Length", "99")], 5)
    assert [value for name, value in made if name == b"HTTP_X_TAG"] == [b"1", b"2"]
    assert dict(made)[b"CONTENT_TYPE"] == b"text/x"
    assert [value for name, value in made if name == b"CONTENT_LENGTH"] == [b"5"]
    assert b"HTTP_CONTENT_LENGTH" not in dict(made)
    assert b"HTTP_CONTENT_TYPE" not in dict(made)


def test_without_a_body_there_is_no_length() -> None:
    assert b"CONTENT_LENGTH" not in dict(params("GET", "/"))


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [("shop.example:8080", b"shop.example", b"8080"), ("shop.example", b"shop.example", b"80"), ("[::1]", b"[::1]", b"80")],
)
def test_host_is_split(host: str, name: bytes, port: bytes) -> None:
    made = params("GET", "/", [("Host", host)])
    assert [value for key, value in made if key == b"HTTP_HOST"] == [host.encode()]
    assert (dict(made)[b"SERVER_NAME"], dict(made)[b"SERVER_PORT"]) == (name, port)
