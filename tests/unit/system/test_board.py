"""The scoreboard's memory: of fixed size for everybody."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator

import pytest

from fcgipm import scoreboard
from fcgipm.system.board import Board


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board.create("web", 4)
    yield board
    board.close()


def test_it_is_laid_out(board: Board) -> None:
    header = scoreboard.words(board.memory, -1)
    assert (header[scoreboard.LAYOUT], header[scoreboard.SLOTS]) == (scoreboard.LAYOUT_VERSION, 4)
    assert len(board.memory) == scoreboard.size(4)


@pytest.mark.parametrize("size", [0, 100, 1 << 20])
def test_nobody_can_change_its_size(board: Board, size: int) -> None:
    with pytest.raises(PermissionError):
        os.ftruncate(board.descriptor, size)


def test_nobody_can_seal_it_further(board: Board) -> None:
    """F_SEAL_WRITE would stop all workers from keeping their account."""
    with pytest.raises(PermissionError):
        fcntl.fcntl(board.descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)


def test_what_one_writes_the_other_reads(board: Board) -> None:
    os.pwrite(board.descriptor, (7).to_bytes(8, "little"), scoreboard.SLOT_BYTES)
    assert scoreboard.read(board.memory, 0).pid == 7


def test_it_is_private(board: Board) -> None:
    assert os.fstat(board.descriptor).st_mode & 0o777 == 0o600 and not os.get_inheritable(board.descriptor)
