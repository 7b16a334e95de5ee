"""The text of the running request."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fcgipm import scoreboard
from fcgipm.urls import request_path
from fcgipm.worker.running import Tally


def told(params: dict[str, str]) -> str:
    board = memoryview(bytearray(scoreboard.size(1)))
    slot = scoreboard.words(board, 0)
    assert Tally(slot).begin(3, 12345, params) == request_path(params)
    return scoreboard.read(board, 0).text


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"REQUEST_METHOD": "GET", "REQUEST_URI": "/a/b?token=secret"}, "GET /a/b"),
        ({"REQUEST_METHOD": "GET", "REQUEST_URI": "http://user:secret@host/a#b"}, "GET http://host/a"),
        ({"REQUEST_METHOD": "GET", "REQUEST_URI": "/a#token=secret"}, "GET /a"),
        ({"REQUEST_METHOD": "POST", "SCRIPT_NAME": "/shop", "PATH_INFO": "/x?y"}, "POST /shop/x"),
        ({}, "? "),
        ({"REQUEST_METHOD": "GET", "REQUEST_URI": "/\xff\x00<script>"}, "GET /\xff\x00<script>"),
        ({"REQUEST_METHOD": "GET", "REQUEST_URI": "/" + "x" * 1000}, "GET /" + "x" * 315),
    ],
)
def test_method_and_path(params: dict[str, str], text: str) -> None:
    assert told(params) == text


def test_nothing_beyond_the_text_is_touched() -> None:
    board = memoryview(bytearray(scoreboard.size(1)))
    slot = scoreboard.words(board, 0)
    Tally(slot).begin(3, 12345, {"REQUEST_METHOD": "X" * 2000})
    reading = scoreboard.read(board, 0)
    assert sum(slot[scoreboard.LATENCY :]) == 0 == sum(slot[: scoreboard.STATE]) and reading.text == "X" * scoreboard.TEXT_LIMIT
    assert (reading.state, reading.kept, reading.begun, reading.request_started) == (scoreboard.BUSY, 3, 1, 12345)


def test_nothing_is_left_of_the_text_before() -> None:
    board = memoryview(bytearray(scoreboard.size(1)))
    for path in ("/" + "x" * 1000, "/y"):
        Tally(scoreboard.words(board, 0)).begin(0, 1, {"REQUEST_METHOD": "GET", "REQUEST_URI": path})
    assert scoreboard.read(board, 0).text == "GET /y"


def test_ended_requests_are_counted_and_summed() -> None:
    board = memoryview(bytearray(scoreboard.size(1)))
    slot = scoreboard.words(board, 0)
    response = SimpleNamespace(status=504, failed=True, expired=True, aborted=False)
    tally = Tally(slot)
    for took in (0, 5_000_000, 10**15):
        tally.end(response, took)
    buckets = scoreboard.read_latency(board, [0])
    assert (sum(buckets), buckets[0], buckets[-1]) == (3, 1, 1)
    assert slot[scoreboard.SERVED_NS] == 10**15 + 5_000_000
    assert [slot[word] for word in (scoreboard.CLASS_5XX, scoreboard.FAILED, scoreboard.TIMED_OUT, scoreboard.ABORTED)] == [3, 3, 3, 0]


def test_a_request_whose_client_left_the_queue_counts_like_nginx_does() -> None:
    slot = memoryview(bytearray(scoreboard.SLOT_BYTES)).cast("Q")
    Tally(slot).deserted()
    assert (slot[scoreboard.CLASS_4XX], slot[scoreboard.ABORTED], slot[scoreboard.BEGUN]) == (1, 1, 0)
