"""Whole FastCGI requests as bytes, made once and sent many times.

Written apart from ``fcgipm.wire`` so that a mistake there is not repeated by what measures it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

BEGIN, END, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7
RESPONDER = 1
KEEP_CONN = 1

HEADER = struct.Struct(">BBHHBx")
"""version, type, request id, content length, padding length, reserved (FastCGI 1.0, section 3.3)."""

MINIMAL = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
}
"""The least that PEP 3333 lets an application rely on."""

BROWSER = {
    "QUERY_STRING": "page=2&sort=price",
    "REQUEST_METHOD": "GET",
    "CONTENT_TYPE": "",
    "CONTENT_LENGTH": "",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/shop/boots",
    "REQUEST_URI": "/shop/boots?page=2&sort=price",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REQUEST_SCHEME": "https",
    "HTTPS": "on",
    "GATEWAY_INTERFACE": "CGI/1.1",
    "SERVER_SOFTWARE": "nginx/1.22.1",
    "REMOTE_ADDR": "203.0.113.27",
    "REMOTE_PORT": "52814",
    "SERVER_ADDR": "192.0.2.10",
    "SERVER_PORT": "443",
    "SERVER_NAME": "www.example.com",
    "REQUEST_ID": "4f0c9d1be57a3c2286f1d7e09ab35c44",
    "HTTP_HOST": "www.example.com",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.7,de;q=0.3",
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd",
    "HTTP_REFERER": "https://www.example.com/shop/boots?page=1&sort=price",
    "HTTP_COOKIE": "csrftoken=Zk3q8VwR1mXo5TnLbYc0JhGfDs7AePuI; sessionid=x8v2k6q0p4w9z1y3r5t7u2i6o0a4s8d1; theme=dark",
    "HTTP_UPGRADE_INSECURE_REQUESTS": "1",
    "HTTP_SEC_FETCH_DEST": "document",
    "HTTP_SEC_FETCH_MODE": "navigate",
    "HTTP_SEC_FETCH_SITE": "same-origin",
}
"""What one page view of a desktop browser becomes behind nginx with our fcgipm_params."""

PARAMS_BLOCKS: Mapping[str, Mapping[str, str]] = {"minimal": MINIMAL, "browser": BROWSER}


def request(params: Mapping[str, str], *, keep: bool, body: bytes = b"") -> bytes:
    """One request of id 1, shaped as nginx sends it: BEGIN, one PARAMS record padded to 8, its end, STDIN, its end."""
    begin = record(BEGIN, struct.pack(">HB5x", RESPONDER, KEEP_CONN if keep else 0))
    pairs = b"".join(pair(name, value) for name, value in params.items())
    return (
        begin
        + record(PARAMS, pairs)
        + record(PARAMS, b"")
        + (record(STDIN, body) if body else b"")
        + record(STDIN, b"")
    )


def record(kind: int, content: bytes) -> bytes:
    """One record of request 1, its content (at most 65535 bytes) padded to a multiple of 8."""
    padding = -len(content) % 8
    return HEADER.pack(1, kind, 1, len(content), padding) + content + bytes(padding)


def pair(name: str, value: str) -> bytes:
    """One name-value pair (FastCGI 1.0, section 3.4)."""
    raw_name, raw_value = name.encode("latin-1"), value.encode("latin-1")
    return length(raw_name) + length(raw_value) + raw_name + raw_value


def length(data: bytes) -> bytes:
    """The length of a name or a value: one byte below 128, else four with the high bit set."""
    return bytes([len(data)]) if len(data) < 128 else struct.pack(">I", len(data) | 0x80000000)
