"""Our web server's role against applications of others: flup's threaded server and fcgisgi.

Both are FastCGI programs of the classic kind: the test gives them its listening socket as descriptor 0.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fcgipm.client.connection import VARIABLES, Connection, connect
from fcgipm.client.params import params
from fcgipm.wire.fastcgi import End, Stdout, WebServer
from tests.support.daemon import APPS

FLUP = "import cases; from flup.server.fcgi import WSGIServer; WSGIServer(cases.application, debug=False).run()"
FCGISGI = "import asyncio, cases, fcgisgi; asyncio.run(fcgisgi.run_wsgi_server(cases.application))"

BIG = bytes(range(256)) * 8192
"""2 MiB: more than any buffer between two processes holds."""


@pytest.fixture(params=[FLUP, FCGISGI], ids=["flup", "fcgisgi"])
def application(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a foreign application."""
    yield from foreign(request.param, tmp_path)


@pytest.fixture
def flup(tmp_path: Path) -> Iterator[str]:
    yield from foreign(FLUP, tmp_path)


@pytest.fixture
def fcgisgi(tmp_path: Path) -> Iterator[str]:
    yield from foreign(FCGISGI, tmp_path)


def foreign(program: str, folder: Path) -> Iterator[str]:
    path = str(folder / "peer.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(16)
        with subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", program], cwd=APPS, stdin=listener.fileno(), stderr=subprocess.PIPE
        ) as process:
            try:
                yield f"unix:{path}"
            finally:
                process.kill()
                assert process.stderr
                print(process.stderr.read().decode())


def fetch(
    connection: Connection, method: str, target: str, body: bytes | None = None, keep: bool = False
) -> tuple[int, bytes]:
    """Status and body of one response; the body of the request goes out in uneven pieces."""
    pieces = [body[at : at + 50_001] for at in range(0, len(body), 50_001)] if body else []
    length = None if body is None else len(body)
    response = connection.request(params(method, target, body_length=length), pieces, keep_conn=keep)
    content = b"".join(response)
    assert response.app_status == 0
    return response.head.status, content


def test_get(application: str) -> None:
    with connect(application) as connection:
        assert fetch(connection, "GET", "/hello") == (200, b"hello")


def test_params_arrive(application: str) -> None:
    with connect(application) as connection:
        headers = [("Host", "example.org:8080"), ("X-Long", "v" * 300), ("Cookie", "a=1")]
        response = connection.request(params("GET", "/strings/p%C3%A4th?q=%20x", headers))
        environ = json.loads(b"".join(response))
    assert environ["QUERY_STRING"] == "q=%20x" and environ["PATH_INFO"].encode("latin-1") == "/strings/päth".encode()
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("example.org", "8080")
    assert environ["HTTP_X_LONG"] == "v" * 300 and environ["HTTP_COOKIE"] == "a=1"


def test_large_body_both_ways(application: str) -> None:
    with connect(application) as connection:
        assert fetch(connection, "POST", "/body", BIG) == (200, BIG)


def test_large_body_down(application: str) -> None:
    with connect(application) as connection:
        status, answer = fetch(connection, "GET", "/stream?blocks=26&size=100000")
    assert status == 200 and answer == b"".join(bytes([97 + number]) * 100_000 for number in range(26))


def test_many_requests_on_a_kept_connection(flup: str) -> None:
    with connect(flup) as connection:
        for number in range(20):
            body = b"%d" % number * 100
            assert fetch(connection, "POST", "/body", body, keep=True) == (200, body)


def test_many_ids_on_a_kept_connection(fcgisgi: str) -> None:
    """(A new id each time: fcgisgi forgets an id only some time after its END_REQUEST, and a request of that id meanwhile.)"""
    wire = WebServer()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(fcgisgi.removeprefix("unix:"))
        for id in range(1, 21):
            body = b"%d" % id * 100
            head = wire.request(id, params("POST", "/body", body_length=len(body)), keep_conn=True)
            connection.sendall(head + wire.body(id, body) + wire.end_body(id))
            answer, ended = b"", False
            while not ended:
                for event in wire.receive(connection.recv(65536)):
                    assert isinstance(event, (Stdout, End)) and event.id == id
                    ended = isinstance(event, End)
                    answer += b"" if isinstance(event, End) else event.data
            assert answer.partition(b"\r\n\r\n")[2] == body


def test_status_and_headers(application: str) -> None:
    with connect(application) as connection:
        response = connection.request(params("GET", "/redirect"))
        assert (response.head.status, response.head.reason) == (302, "Found")
        assert ("Location", "/elsewhere") in response.head.headers
        assert b"".join(response) == b""


def test_errors_come_apart_from_the_response(application: str) -> None:
    errors: list[bytes] = []
    with connect(application) as connection:
        response = connection.request(params("GET", "/errors?kind=long"), on_stderr=errors.append)
        assert response.head.status == 200 and b"".join(response) == b"written"
    assert b"e" * 3000 in b"".join(errors)


def test_get_values(application: str) -> None:
    """(flup on Python 3 knows none of the names.)"""
    with connect(application) as connection:
        values = connection.get_values()
        assert set(values) <= set(VARIABLES)
        assert all(value.isdigit() for value in values.values())
        assert fetch(connection, "GET", "/hello") == (200, b"hello")


def test_requests_at_once_on_one_connection(fcgisgi: str) -> None:
    """The codec understands many live ids; fcgisgi serves them side by side, and its answers come interleaved."""
    wire, bodies = WebServer(), {id: f"body of {id} ".encode() * 3000 for id in (1, 2, 700, 65535)}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(fcgisgi.removeprefix("unix:"))
        for id, body in bodies.items():
            connection.sendall(wire.request(id, params("POST", "/body", body_length=len(body)), keep_conn=True))
        for at in range(0, 60_000, 5000):
            for id, body in bodies.items():
                connection.sendall(wire.body(id, body[at : at + 5000]))
        connection.sendall(b"".join(wire.end_body(id) for id in bodies))
        answers, ended = dict.fromkeys(bodies, b""), set()
        while ended != set(bodies):
            for event in wire.receive(connection.recv(65536)):
                assert isinstance(event, (Stdout, End))
                if isinstance(event, Stdout):
                    answers[event.id] += event.data
                else:
                    assert (event.app_status, event.protocol_status) == (0, 0)
                    ended.add(event.id)
    assert wire.idle
    assert {id: answer.partition(b"\r\n\r\n")[2] for id, answer in answers.items()} == bodies


def test_params_over_many_records(fcgisgi: str) -> None:
    """(flup loses what crosses records.)"""
    with connect(fcgisgi) as connection:
        response = connection.request(params("GET", "/strings", [("X-Huge", "h" * 200_000)]))
        assert json.loads(b"".join(response))["HTTP_X_HUGE"] == "h" * 200_000
