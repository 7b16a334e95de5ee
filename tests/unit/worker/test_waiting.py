"""Waiting connections belong to whoever took them out."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from fcgipm.wire.fastcgi import ParamsDecoder, Request, WebServer
from fcgipm.worker.connection import Connection, new_codec
from fcgipm.worker.settings import Settings, Timeouts
from fcgipm.worker.waiting import Waiting

SETTINGS = Settings("web", 1, "", "", "", 1, True, 0, [None], Timeouts(5, 5, 5, 5, 5), 1 << 20)


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Connection(ours, ours.fileno(), SETTINGS, new_codec(SETTINGS, ParamsDecoder())), theirs


def test_each_is_taken_once_whoever_comes_first(pair: tuple[Connection, socket.socket]) -> None:
    connection, _ = pair
    waiting = Waiting()
    waiting.put(connection.fd, connection)
    first, second = waiting.take_each(), waiting.take_each()
    assert next(first) is connection
    assert list(second) == [] and waiting.take(connection.fd, None) is None and waiting.count() == 0


def test_what_another_took_meanwhile_is_passed_over(pair: tuple[Connection, socket.socket]) -> None:
    connection, _ = pair
    waiting = Waiting()
    waiting.put(connection.fd, connection)
    each = waiting.take_each()
    assert waiting.take(connection.fd, None) is connection
    assert list(each) == []


def test_one_put_back_while_they_are_taken_does_not_come_twice(pair: tuple[Connection, socket.socket]) -> None:
    connection, _ = pair
    waiting = Waiting()
    waiting.put(connection.fd, connection)
    for taken in waiting.take_each():
        waiting.put(taken.fd, taken)
    assert waiting.count() == 1


@pytest.mark.parametrize("size", [1000, 16384, 20000, 60000])
def test_a_head_that_is_wholly_there_is_read_in_one_go(pair: tuple[Connection, socket.socket], size: int) -> None:
    """Half a head would tie the connection to this worker, which may be about to become busy."""
    connection, peer = pair
    web = WebServer()
    peer.sendall(web.request(1, [(b"REQUEST_METHOD", b"GET"), (b"HTTP_COOKIE", b"c" * size)], keep_conn=True) + web.end_body(1))
    request = connection.receive_head()
    assert type(request) is Request and len(request.params["HTTP_COOKIE"]) == size
