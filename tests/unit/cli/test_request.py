"""`fcgipm request` as a user runs it, against an application the test plays."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fastcgi import END_REQUEST, STDERR, STDOUT, Connection, record
from tests.support.peer import Asked, Peer, read_request


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "fcgipm.cli", "request", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=30, check=False)


class Recorder:
    """Answers each request the same, and keeps it."""

    def __init__(self, reply: bytes) -> None:
        self.asked: list[Asked] = []
        self._reply = reply

    def __call__(self, peer: Connection) -> None:
        self.asked.append(read_request(peer))
        peer.send(self._reply)


def reply(content: bytes = b"Status: 200 OK\r\nX-A: 1\r\n\r\n\xffbody\n", app_status: int = 0) -> bytes:
    return record(STDOUT, content) + record(STDOUT) + record(END_REQUEST, app_status.to_bytes(4, "big") + bytes(4))


def test_get_prints_the_body_alone_as_it_is() -> None:
    part = Recorder(reply())
    with Peer(part) as peer:
        done = run(peer.address, "/p?q=1")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\xffbody\n", b"")
    assert part.asked[0].params[b"REQUEST_METHOD"] == b"GET"
    assert part.asked[0].params[b"QUERY_STRING"] == b"q=1"


def test_include_prints_status_and_headers_first() -> None:
    with Peer(Recorder(reply(b"Location: /elsewhere\r\n\r\n"))) as peer:
        done = run(peer.address, "/", "-i")
    assert done.stdout == b"Status: 302 Found\r\nLocation: /elsewhere\r\n\r\n"


def test_data_makes_a_post_with_headers() -> None:
    part = Recorder(reply())
    with Peer(part) as peer:
        assert run(peer.address, "/", "-d", "a=1", "-H", "Cookie: a=b", "-H", "Host: shop.example:8080").returncode == 0
        assert run(peer.address, "/", "-d", "{}", "-X", "PUT", "-H", "Content-Type: application/json").returncode == 0
    posted, put = part.asked
    assert (posted.params[b"REQUEST_METHOD"], posted.body, posted.params[b"CONTENT_LENGTH"]) == (b"POST", b"a=1", b"3")
    assert posted.params[b"CONTENT_TYPE"] == b"application/x-www-form-urlencoded"
    assert (posted.params[b"HTTP_COOKIE"], posted.params[b"HTTP_HOST"]) == (b"a=b", b"shop.example:8080")
    assert (put.params[b"REQUEST_METHOD"], put.params[b"CONTENT_TYPE"]) == (b"PUT", b"application/json")


def test_data_from_a_file_and_from_standard_input(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    (tmp_path / "upload").write_bytes(content)
    part = Recorder(reply())
    with Peer(part) as peer:
        assert run(peer.address, "/", "-d", f"@{tmp_path}/upload").returncode == 0
        assert run(peer.address, "/", "-d", "@-", stdin=content).returncode == 0
    for asked in part.asked:
        assert hashlib.sha256(asked.body).digest() == hashlib.sha256(content).digest()
        assert asked.params[b"CONTENT_LENGTH"] == b"256000"


def test_what_the_application_logs_goes_to_standard_error() -> None:
    with Peer(Recorder(record(STDERR, b"careful\n") + reply())) as peer:
        done = run(peer.address, "/")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\xffbody\n", b"careful\n")


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", b"the connection ended before a response (it was closed): the process that served it has died or given it up; the daemon"),
        (reply()[:-16], b"the connection ended before the end of the response (it was closed): the process that served it has died"),
        (record(END_REQUEST, bytes(8)), b"ended the request without a response head\n"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", b"record version 83 instead of 1\n"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"record version 72 instead of 1: this looks like HTTP, not FastCGI\n"),
        (reply(app_status=3), b"ended with status 3"),
        (record(END_REQUEST, bytes([0, 0, 0, 0, 2, 0, 0, 0])), b"OVERLOADED"),
    ],
)
def test_no_whole_response_is_exit_1(sent: bytes, told: bytes) -> None:
    with Peer(Recorder(sent)) as peer:
        done = run(peer.address, "/")
    assert done.returncode == 1
    assert told in done.stderr
    assert b"Traceback" not in done.stderr


def test_nobody_there_is_exit_71() -> None:
    done = run("unix:/nowhere/web.sock", "/")
    assert (done.returncode, done.stdout) == (71, b"")
    assert b"cannot connect to unix:/nowhere/web.sock: No such file or directory" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense", "/"],
        ["unix:/x", "no-slash"],
        ["unix:/x", "/", "-H", "no colon"],
        ["unix:/x", "/", "-d", "@/nowhere/file"],
        ["unix:/x"],
        ["unix:/x", "/", "-H", "X: \u20ac"],
    ],
)
def test_mistakes_in_the_command_are_exit_64(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 64
    assert b"Traceback" not in done.stderr
