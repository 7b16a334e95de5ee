"""What a probe asks, and what it thinks of any answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgipm import __version__
from fcgipm.master.probe_request import ANSWER_LIMIT, ProbeRequest, Verdict
from tests.support import fastcgi as spec

OK = b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nfine"


def probe(path: str = "/healthz", status: int = 200, host: str = "localhost") -> ProbeRequest:
    return ProbeRequest(path, status, host)


def answer(head_and_body: bytes = OK, app_status: int = 0, protocol_status: int = 0) -> bytes:
    end = app_status.to_bytes(4, "big") + bytes([protocol_status, 0, 0, 0])
    return spec.stream(spec.STDOUT, head_and_body) + spec.record(spec.END_REQUEST, end)


def asked(path: str, host: str = "localhost") -> dict[str, str]:
    request, at, content = probe(path, host=host).request, 0, b""
    kinds = []
    while at < len(request):
        kind, length, padding = request[at + 1], int.from_bytes(request[at + 4 : at + 6], "big"), request[at + 6]
        if kind == spec.PARAMS:
            content += request[at + 8 : at + 8 + length]
        kinds.append(kind)
        at += 8 + length + padding
    assert at == len(request) and kinds[0] == spec.BEGIN_REQUEST and kinds[-1] == spec.STDIN
    return {name.decode(): value.decode("latin-1") for name, value in spec.parse_pairs(content)}


def test_it_asks_as_nginx_would() -> None:
    params = asked("/health%20z?deep=1")
    assert params["REQUEST_METHOD"] == "GET" and params["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert (params["SCRIPT_NAME"], params["PATH_INFO"]) == ("", "/health z")
    assert (params["REQUEST_URI"], params["QUERY_STRING"]) == ("/health%20z?deep=1", "deep=1")
    assert params["HTTP_USER_AGENT"] == f"fcgipm-probe/{__version__}" and "CONTENT_LENGTH" not in params


def test_the_host_it_asks_for() -> None:
    params = asked("/", "shop.example:8080")
    assert (params["HTTP_HOST"], params["SERVER_NAME"], params["SERVER_PORT"]) == ("shop.example:8080", "shop.example", "8080")
    assert (asked("/")["SERVER_NAME"], asked("/")["SERVER_PORT"]) == ("localhost", "80")


@given(st.lists(st.integers(1, len(answer()) - 1), unique=True))
def test_a_right_answer_however_it_comes(cuts: list[int]) -> None:
    asked, whole = probe(), answer()
    ends = [*sorted(cuts), len(whole)]
    verdicts = [asked.receive(whole[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    assert verdicts[:-1] == [None] * len(cuts) and verdicts[-1] == Verdict(True, "probe GET /healthz: status 200")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (answer(b"Status: 500 Oh\r\n\r\n"), "status 500, not 200"),
        (answer(b"Location: /login\r\n\r\n"), "status 302, not 200"),
        (answer(b""), "malformed answer: it has no head"),
        (answer(b"Status: 200 OK\r\n"), "malformed answer: it has no head"),
        (answer(b"no header\r\n\r\n"), "malformed answer: what it begins with is no head of a CGI response"),
        (answer(b"Status: x\x1b[2J\r\n\r\n"), "malformed answer: what it begins with is no head"),
        (answer(b"Set-Cookie secret\r\n\r\n"), "malformed answer: what it begins with is no head"),
        (answer(protocol_status=2), "refused (protocol status 2)"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "malformed answer: "),
        (spec.record(spec.END_REQUEST, b"1234"), "malformed answer: END_REQUEST with 4 bytes"),
        (b"", "no answer: the connection was closed"),
    ],
)
def test_a_wrong_answer(data: bytes, text: str) -> None:
    verdict = probe().receive(data)
    assert verdict is not None and not verdict.ok
    assert verdict.text.startswith(f"probe GET /healthz: {text}") and verdict.text.isprintable()
    assert "secret" not in verdict.text


def test_one_that_is_cut_short() -> None:
    asked = probe()
    assert asked.receive(spec.record(spec.STDOUT, OK)) is None
    assert asked.receive(b"") == Verdict(False, "probe GET /healthz: the answer was cut short")


def test_another_status_may_be_the_right_one() -> None:
    assert probe(status=302).receive(answer(b"Location: /login\r\n\r\n")) == Verdict(True, "probe GET /healthz: status 302")


def test_what_goes_to_the_log_or_to_another_request_is_passed_over() -> None:
    extra = spec.record(spec.STDERR, b"a word") + spec.record(spec.STDOUT, b"Status: 500 X\r\n\r\n", id=7)
    verdict = probe().receive(extra + answer())
    assert verdict is not None and verdict.ok


def test_a_large_answer() -> None:
    asked, piece = probe(), spec.record(spec.STDOUT, b"x" * 60000)
    assert asked.receive(spec.record(spec.STDOUT, OK)) is None
    verdicts = [asked.receive(piece) for _ in range(ANSWER_LIMIT // len(piece) + 1)]
    assert verdicts[-1] == Verdict(False, "probe GET /healthz: answer larger than 1 MiB") and not any(verdicts[:-1])


def test_the_query_is_nobodys_business() -> None:
    assert probe("/healthz?token=secret").failed("no answer").text == "probe GET /healthz: no answer"


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=20))
def test_whatever_comes_is_judged(pieces: list[bytes]) -> None:
    asked = probe()
    for piece in pieces:
        verdict = asked.receive(piece)
        if verdict is not None:
            assert verdict.text.isprintable() and len(verdict.text) < 300
            return
