"""What wakes `fcgipm status --watch` before its second is over."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from fcgipm.cli._watch import _quits, _resizes, _screen

FOR_EVER = 1e6
"""Seconds: who returns has not waited for them."""


@pytest.fixture(autouse=True)
def nobody_types(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        yield


def test_a_resize_ends_the_wait_at_once() -> None:
    before = signal.getsignal(signal.SIGWINCH)
    with _resizes() as resized:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGWINCH)
            assert not _quits(FOR_EVER, resized)
    assert signal.getsignal(signal.SIGWINCH) is before


def test_many_resizes_are_one() -> None:
    with _resizes() as resized:
        for _ in range(100):
            os.kill(os.getpid(), signal.SIGWINCH)
        assert not _quits(FOR_EVER, resized) and not _quits(0.0, resized)
        with pytest.raises(BlockingIOError):
            resized.recv(1)


def test_an_older_daemon_that_tells_no_events() -> None:
    assert "fcgipm unknown" in _screen({"pools": {}}, False, 80, 24).plain
    assert _screen({"pools": {}}, True, 80, 24).plain == ""
