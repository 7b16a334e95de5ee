"""Whole FastCGI requests as bytes, made once and sent many times.

Written apart from ``fcgipm.wire`` so that a mistake there is not repeated by what measures it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from random import Random

from benchmarks import shipped

BEGIN, END, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7
RESPONDER = 1
KEEP_CONN = 1

HEADER = struct.Struct(">BBHHBx")
"""version, type, request id, content length, padding length, reserved (FastCGI 1.0, section 3.3)."""

PLAIN = {
    "REQUEST_METHOD": "GET",
    "REQUEST_URI": "/",
    "QUERY_STRING": "",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/",
    "HTTP_HOST": "www.example.com",
    "SERVER_NAME": "www.example.com",
    "SERVER_PORT": "443",
    "SERVER_ADDR": "192.0.2.10",
    "REQUEST_SCHEME": "https",
    "HTTPS": "on",
    "REMOTE_ADDR": "203.0.113.27",
    "REMOTE_PORT": "52814",
    "REQUEST_ID": "4f0c9d1be57a3c2286f1d7e09ab35c44",
    "GATEWAY_INTERFACE": "CGI/1.1",
    "SERVER_SOFTWARE": "nginx/1.22.1",
}
"""What a request without headers of its own becomes behind nginx with our fcgipm_params; load generators send such."""

BROWSER = {
    **PLAIN,
    "REQUEST_URI": "/shop/boots?page=2&sort=price",
    "QUERY_STRING": "page=2&sort=price",
    "PATH_INFO": "/shop/boots",
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
"""What one page view of a browser becomes."""

TRAFFIC: Mapping[str, Mapping[str, str]] = {"plain": PLAIN, "browser": BROWSER}
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
)
VISITORS = {"plain": 16, "browser": 1000}
REQUESTS = 4000


def traffic(name: str, *, keep: bool) -> list[bytes]:
    """Requests to send in turn, which differ as real ones do: each has its own REQUEST_ID and comes from one of many
    visitors; a browser's also have pages, agents and cookies. Sending one and the same again and again would only
    measure how well a backend remembers it."""
    random = Random(1)
    visitors = [visitor(random) for _ in range(VISITORS[name])]
    return [request(varied(TRAFFIC[name], random.choice(visitors), page(random)), keep=keep) for _ in range(REQUESTS)]


def varied(params: Mapping[str, str], *changes: Mapping[str, str]) -> dict[str, str]:
    """`params` with what changes in them, and nothing added. A request without headers always asks for the same page."""
    fixed = ("REQUEST_URI", "QUERY_STRING") if params is PLAIN else ()
    changed = {name: value for change in changes for name, value in change.items() if name in params}
    return ordered({**params, **changed, **{name: params[name] for name in fixed}})


def ordered(params: Mapping[str, str]) -> dict[str, str]:
    """The params of our nginx file in its order, then the request's headers as nginx appends them."""
    named = [name for name in shipped.order() if name in params]
    return {name: params[name] for name in dict.fromkeys([*named, *params])}


def visitor(random: Random) -> dict[str, str]:
    return {
        "REMOTE_ADDR": f"203.0.113.{random.randrange(256)}",
        "REMOTE_PORT": str(random.randrange(32768, 61000)),
        "HTTP_USER_AGENT": random.choice(AGENTS),
        "HTTP_COOKIE": f"csrftoken={random.getrandbits(128):032x}; sessionid={random.getrandbits(128):032x}; theme=dark",
    }


def page(random: Random) -> dict[str, str]:
    number = random.randrange(2, 100)
    return {
        "REQUEST_ID": f"{random.getrandbits(128):032x}",
        "QUERY_STRING": f"page={number}&sort=price",
        "REQUEST_URI": f"/shop/boots?page={number}&sort=price",
        "HTTP_REFERER": f"https://www.example.com/shop/boots?page={number - 1}&sort=price",
    }


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
