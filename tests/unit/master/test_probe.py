"""The probe: what it asks, and what it makes of answers, of silence and of nonsense."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from fcgipm.master.loop import Loop
from fcgipm.master.probe import ANSWER_LIMIT, PATIENCE, Answer, Probe, request
from fcgipm.wire.fastcgi import Application, Request, encode_end, encode_stdout

OK = encode_stdout(1, b"Status: 200 OK\r\n\r\nhello") + encode_end(1)


class Place:
    """A probe under way, and the worker's end of it."""

    def __init__(self, status: int = 200) -> None:
        self.loop = Loop()
        ours, self.worker = socket.socketpair()
        self.verdicts: list[str | None] = []
        self.probe = Probe(ours, {"path": "/healthz", "status": status}, self.loop, self.verdicts.append)

    def answer(self, *pieces: bytes) -> list[str | None]:
        for piece in pieces:
            self.worker.sendall(piece)
            self.loop.turn(1.0)
        return self.verdicts

    def close(self) -> None:
        self.probe.close()
        self.worker.close()
        self.loop.close()


@pytest.fixture
def place() -> Iterator[Place]:
    one = Place()
    yield one
    one.close()


def test_it_asks_as_a_web_server_does() -> None:
    events = Application(1 << 20).receive(request("/healthz?deep=1"))
    (asked,) = [event for event in events if isinstance(event, Request)]
    assert asked.params["REQUEST_METHOD"] == "GET" and asked.params["REQUEST_URI"] == "/healthz?deep=1"
    assert (asked.params["PATH_INFO"], asked.params["QUERY_STRING"]) == ("/healthz", "deep=1")
    assert asked.params["HTTP_USER_AGENT"].startswith("fcgipm-probe/")


def test_the_right_status_is_all_that_it_wants(place: Place) -> None:
    assert place.answer(*(OK[at : at + 1] for at in range(len(OK)))) == [None]
    assert place.worker.recv(65536) == request("/healthz")
    assert place.worker.recv(1) == b"", "it has closed its end"


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (encode_stdout(1, b"Status: 503 Gone\r\n\r\n") + encode_end(1), "status 503, not 200"),
        (encode_stdout(1, b"Location: /login\r\n\r\n") + encode_end(1), "status 302, not 200"),
        (encode_end(1), "no status"),
        (encode_stdout(1, b"no head at all\r\n\r\n") + encode_end(1), "a malformed answer"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "a malformed answer"),
    ],
)
def test_other_answers(place: Place, answer: bytes, fault: str) -> None:
    (told,) = place.answer(answer)
    assert told is not None and told.startswith(f"probe GET /healthz: {fault}")


def test_a_worker_that_leaves_and_one_that_is_silent() -> None:
    for end in (True, False):
        place = Place()
        if end:
            place.worker.close()
            place.loop.turn(1.0)
            place.loop.turn(1.0)
            assert place.verdicts == ["probe GET /healthz: no answer"]
        else:
            place.probe.give_up()
            assert place.verdicts == [f"probe GET /healthz: no answer within {PATIENCE:g} s"]
        place.close()


def test_an_answer_without_end_is_too_large() -> None:
    answer = Answer()
    block = encode_stdout(1, b"Status: 200 OK\r\n\r\n")
    assert not answer.receive(block)
    with pytest.raises(ValueError, match="an answer larger than 1 MiB"):
        for _ in range(ANSWER_LIMIT // 65000 + 2):
            answer.receive(encode_stdout(1, b"x" * 65000))
