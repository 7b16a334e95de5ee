"""The master's end of a channel, against a peer that may send anything."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from fcgipm import orders
from fcgipm.master.channel import Channel, pair

Ends = tuple[Channel, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = pair()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_words_come_with_the_pid_the_kernel_vouches_for(ends: Ends) -> None:
    ours, theirs = ends
    theirs.send(b"HELLO")
    word = ours.receive()
    assert word is not None and (word.word, word.pid) == (orders.HELLO, os.getpid())


def test_arguments(ends: Ends) -> None:
    ours, theirs = ends
    theirs.send(orders.encode(orders.READY, "3.11.7", "-"))
    word = ours.receive()
    assert word is not None and word.arguments == ["3.11.7", "-"]


def test_arguments_cannot_forge_lines_or_move_cursors(ends: Ends) -> None:
    ours, theirs = ends
    theirs.send(b"READY 3.11\x1b[2J a\nforged\x7f,\xff")
    word = ours.receive()
    assert word is not None and word.arguments == ["3.11\\x1b[2J", "a\\x0aforged\\x7f,\ufffd"]


@pytest.mark.parametrize("noise", [b"rm -rf", b"\xff\x00\n", b"hello", b"READYX 1", b"x" * 60000])
def test_unknown_words_are_nothing(ends: Ends, noise: bytes) -> None:
    ours, theirs = ends
    theirs.send(noise)
    assert ours.receive() is None and not ours.ended
    theirs.send(b"READY")
    assert ours.receive() is not None


def test_an_empty_channel_is_not_an_ended_one(ends: Ends) -> None:
    assert ends[0].receive() is None and not ends[0].ended


def test_the_end(ends: Ends) -> None:
    ours, theirs = ends
    theirs.send(b"RETIRING")
    theirs.close()
    assert ours.receive() is not None and not ours.ended
    assert ours.receive() is None and ours.ended
    assert not ours.send(orders.STOP)


def test_descriptors_from_below_are_refused(ends: Ends) -> None:
    ours, theirs = ends
    before = len(os.listdir("/proc/self/fd"))
    socket.send_fds(theirs, [b"HELLO"], [theirs.fileno()] * 20)
    assert ours.receive() is not None
    assert len(os.listdir("/proc/self/fd")) == before


def test_descriptors_down(ends: Ends) -> None:
    ours, theirs = ends
    assert ours.send(orders.encode(orders.FORK, 0, 4), [theirs.fileno()])
    message, descriptors, _, _ = socket.recv_fds(theirs, 100, 5)
    assert message == b"FORK 0 4" and len(descriptors) == 1
    os.close(descriptors[0])


def test_a_peer_that_does_not_read_does_not_block_us(ends: Ends) -> None:
    ours, _ = ends
    for _ in range(100000):
        if not ours.send(orders.HANDOVER):
            return
    raise AssertionError("the socket's buffer has no end")
