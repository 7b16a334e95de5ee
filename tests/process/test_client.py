"""The client and `fcgipm request` against workers of our own."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from fcgipm.client import Incomplete, connect, params
from tests.support.daemon import Daemon


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    pools = {name: {"app": f"{name}:application"} for name in ("echo", "stream", "misbehave")}
    with Daemon(pools, tolerate=["Traceback", "raised after the first block"]) as running:
        yield running


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "fcgipm.cli", "request", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=30, check=False)


def test_requests_on_a_kept_connection(daemon: Daemon) -> None:
    body = bytes(range(256)) * 4000
    with connect(daemon.address("echo")) as connection:
        for path in ("/a%20b?c=d", "/%C3%A9"):
            pairs = params("POST", path, [("X-Tag", "1"), ("X-Tag", "2")], len(body))
            response = connection.request(pairs, [body[:1], body[1:]], keep_conn=True)
            answer = json.loads(b"".join(response))
            assert (response.head.status, response.app_status) == (200, 0)
            assert (answer["length"], answer["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
            assert (answer["environ"]["REQUEST_URI"], answer["environ"]["HTTP_X_TAG"]) == (path, "1, 2")


def test_get_values(daemon: Daemon) -> None:
    with connect(daemon.address("echo")) as connection:
        assert connection.get_values() == {b"FCGI_MAX_CONNS": b"1", b"FCGI_MAX_REQS": b"1", b"FCGI_MPXS_CONNS": b"0"}
        assert connection.get_values([b"FCGI_NO_SUCH"]) == {}


def test_a_long_response_comes_in_pieces(daemon: Daemon) -> None:
    with connect(daemon.address("stream")) as connection:
        response = connection.request(params("GET", "/?blocks=200&size=50000"))
        assert response.app_status is None
        assert sum(map(len, response)) == 10_000_000


def test_an_unread_body_leaves_the_connection_clean(daemon: Daemon) -> None:
    """Case D61 with our own client: what the application did not want never reaches the next request."""
    with connect(daemon.address("misbehave")) as connection:
        body = b"x" * 3_000_000
        response = connection.request(params("POST", "/leave-body", (), len(body)), [body], keep_conn=True)
        assert (response.head.status, b"".join(response)) == (413, b"too large")
        again = connection.request(params("GET", "/close-normal"), keep_conn=True)
        assert (again.head.status, b"".join(again)) == (200, b"onetwo")


def test_a_response_cut_short_is_incomplete(daemon: Daemon) -> None:
    with connect(daemon.address("misbehave")) as connection:
        response = connection.request(params("GET", "/raise-after-first-block"))
        with pytest.raises(Incomplete):
            list(response)
    done = run(daemon.address("misbehave"), "/raise-after-first-block")
    assert (done.returncode, done.stdout) == (1, b"first")
    assert b"before the end of the response" in done.stderr


def test_a_request_that_kills_its_worker_is_told_as_that(daemon: Daemon) -> None:
    done = run(daemon.address("misbehave"), "/kill")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"fcgipm request: the connection ended before a response (")
    assert b"): the process that served it has died or given it up; the daemon's log and `fcgipm status` tell more\n" in done.stderr


def test_the_command(daemon: Daemon) -> None:
    done = run(daemon.address("echo"), "/p?q", "-i", "-H", "Host: shop.example:8080", "-d", "@-", stdin=b"12345")
    assert (done.returncode, done.stderr) == (0, b"")
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    assert head.startswith(b"Status: 200 OK\r\nContent-Type: application/json")
    answer = json.loads(body)
    assert answer["length"] == 5
    assert answer["environ"]["HTTP_HOST"] == "shop.example:8080"
    assert (answer["environ"]["SERVER_NAME"], answer["environ"]["SERVER_PORT"]) == ("shop.example", "8080")
