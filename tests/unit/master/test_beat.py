"""The beat: when it looks, when it sleeps, who must give."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fcgipm import scoreboard
from fcgipm.master.beat import BUSY_INTERVAL, KEPT_INTERVAL, Beat, Sleep


class Board:
    """A scoreboard of two workers of two threads, and a beat that looks at it."""

    def __init__(self) -> None:
        self.memory = memoryview(bytearray(scoreboard.size(8)))
        scoreboard.lay_out(self.memory, 8)
        self.given: list[int] = []
        self.beat = Beat(self.memory, 2, lambda: [(1, 0), (2, 4)], self.given.append)

    def set(self, slot: int, busy: bool, begun: int = 1, kept: int = 0) -> None:
        words = scoreboard.words(self.memory, slot)
        words[scoreboard.STATE] = scoreboard.BUSY if busy else scoreboard.IDLE
        words[scoreboard.BEGUN], words[scoreboard.KEPT] = begun, kept

    @property
    def asleep(self) -> int:
        flag: int = scoreboard.words(self.memory, -1)[scoreboard.ASLEEP]
        return flag


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board()
    yield board
    board.beat.close()


def test_it_begins_asleep_and_says_so(board: Board) -> None:
    assert board.asleep == 1 and board.beat.next_look is None


def test_the_first_busy_worker_wakes_it(board: Board) -> None:
    board.set(0, busy=True)
    board.beat.wake(10.0)
    assert board.beat.next_look == 10.0 + KEPT_INTERVAL and board.asleep == 0
    board.beat.look(10.1)
    assert board.beat.next_look == 10.1 + BUSY_INTERVAL


def test_requests_too_short_to_be_seen_keep_it_awake(board: Board) -> None:
    """Else every other request would wake the master again."""
    board.beat.wake(10.0)
    for begun in range(2, 6):
        board.set(0, busy=False, begun=begun)
        board.beat.look(10.0 + begun)
        assert board.beat.sleep is Sleep.AWAKE and board.asleep == 0
    board.beat.look(20.0)
    assert board.asleep == 1


def test_kept_connections_make_it_faster(board: Board) -> None:
    board.set(0, busy=True, kept=1)
    board.beat.wake(10.0)
    board.beat.look(10.0)
    assert board.beat.next_look == 10.0 + KEPT_INTERVAL


def test_quiet_it_looks_once_more_and_sleeps(board: Board) -> None:
    board.beat.wake(10.0)
    board.beat.look(10.0)
    assert board.asleep == 1 and board.beat.sleep is Sleep.DOZING and board.beat.next_look == 10.0 + BUSY_INTERVAL
    board.beat.look(10.05)
    assert board.asleep == 1 and board.beat.sleep is Sleep.ASLEEP and board.beat.next_look is None


def test_who_went_busy_unseen_is_seen_by_the_last_look(board: Board) -> None:
    board.beat.wake(10.0)
    board.beat.look(10.0)
    board.set(4, busy=True)
    board.beat.look(10.05)
    assert board.asleep == 0 and board.beat.sleep is Sleep.AWAKE and board.beat.next_look is not None


def test_busy_words_while_awake_change_nothing(board: Board) -> None:
    board.set(0, busy=True)
    board.beat.wake(10.0)
    board.beat.look(10.0)
    board.beat.wake(10.01)
    assert board.beat.next_look == 10.0 + BUSY_INTERVAL


def test_the_stuck_one_is_told_after_two_looks(board: Board) -> None:
    board.set(0, busy=True, kept=3)
    board.set(1, busy=True)
    board.beat.wake(10.0)
    board.beat.look(10.0)
    assert board.given == []
    board.beat.look(10.02)
    assert board.given == [1]


def test_looks_before_a_sleep_are_forgotten(board: Board) -> None:
    board.set(0, busy=True, kept=3)
    board.beat.wake(10.0)
    board.beat.look(10.0)
    board.set(0, busy=False)
    board.beat.look(10.02)
    board.beat.look(10.07)
    board.set(0, busy=True, kept=3)
    board.beat.wake(99.0)
    board.beat.look(99.0)
    assert board.given == []
