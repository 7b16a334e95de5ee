"""What a keeper does when it can do little."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from fcgipm import orders, scoreboard
from fcgipm.worker import keeper_copy
from fcgipm.worker.keeper import Keeper
from fcgipm.worker.keeper_copy import Copy
from fcgipm.worker.settings import Settings, Timeouts

SETTINGS = Settings("web", 1, None, "", "", 1, True, 0, [None], Timeouts(5, 5, 5, 5, 5), 1 << 20, command=["x"])


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[tuple[Keeper, socket.socket]]:
    """With the master's end of its channel."""
    board = os.memfd_create("board")
    os.truncate(board, scoreboard.size(1))
    path = os.path.relpath(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            one = Keeper(SETTINGS, board, listener, ours)
            yield one, theirs
            for opened in (one._epoll, one._signal, one._signaler):
                opened.close()
    os.close(board)


@pytest.mark.parametrize("name", ["members", "sockets"])
def test_a_copy_that_cannot_be_seen_for_the_moment_is_looked_at_again_and_not_let_go(
    name: str, keeper: tuple[Keeper, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = keeper
    ours, theirs = socket.socketpair()
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        copy = Copy(0, scoreboard.words(one._board, 0), ours, -1)
        copy.pid, copy.ready, copy.order = process.pid, True, orders.RETIRE
        one._copies.append(copy)

        def fails(_pid: int) -> NoReturn:
            raise OSError(errno.ENFILE, "")

        with monkeypatch.context() as patch:
            patch.setattr(keeper_copy, name, fails)
            one._look(0.0)
            assert one._next_look is not None and process.poll() is None
            one._let_go(copy, 0.0)
            assert process.poll() is None
        while process.poll() is None:
            one._look(0.0)
        assert process.returncode == -signal.SIGKILL
        copy.close()
        theirs.close()


def test_a_master_that_is_gone_need_not_be_told_what_failed(keeper: tuple[Keeper, socket.socket]) -> None:
    one, theirs = keeper
    theirs.close()
    one._say_unforked(errno.EAGAIN)
