"""The beat: when it looks, when it sleeps, who must give."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fcgipm import scoreboard
from fcgipm.master.beat import BUSY_INTERVAL, GROWING_INTERVAL, KEPT_INTERVAL, Beat, Eyes, Sleep


class Board:
    """A scoreboard of two workers of two threads, and a beat that looks at it."""

    def __init__(self) -> None:
        self.memory = memoryview(bytearray(scoreboard.size(8)))
        scoreboard.lay_out(self.memory, 8)
        self.given: list[int] = []
        self.serving = [(1, 0), (2, 4)]
        self.queue = 0
        self.grows = False
        self.beat = Beat(self.memory, 2, Eyes(lambda: self.serving, lambda _now: self.queue, lambda: self.grows, self.given.append))

    def all_busy(self) -> None:
        for slot in (0, 1, 4, 5):
            self.set(slot, busy=True)

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


def test_the_queue_is_asked_for_only_when_nobody_is_free(board: Board) -> None:
    board.queue = 7
    board.set(0, busy=True)
    board.beat.wake(10.0)
    assert board.beat.look(10.0).waiting == 0
    board.all_busy()
    assert board.beat.look(10.05).waiting == 7


def test_who_waits_inside_a_foreign_program_is_seen(board: Board) -> None:
    board.set(4, busy=True)
    scoreboard.words(board.memory, 4)[scoreboard.INSIDE] = 3
    board.beat.wake(10.0)
    assert [slot.inside for slots in board.beat.look(10.0).look.values() for slot in slots] == [0, 0, 3, 0]


@pytest.mark.parametrize(
    ("queue", "grows", "interval"),
    [(0, False, BUSY_INTERVAL), (0, True, BUSY_INTERVAL), (3, False, BUSY_INTERVAL), (3, True, GROWING_INTERVAL)],
)
def test_it_looks_often_only_while_somebody_waits_and_there_may_be_more(board: Board, queue: int, grows: bool, interval: float) -> None:
    board.all_busy()
    board.queue, board.grows = queue, grows
    board.beat.wake(10.0)
    board.beat.look(10.0)
    assert board.beat.next_look == 10.0 + interval


def test_what_waits_keeps_it_awake_also_where_nobody_serves(board: Board) -> None:
    board.serving, board.queue, board.grows = [], 1, True
    board.beat.wake(10.0)
    assert board.beat.look(10.0).waiting == 1 and board.beat.sleep is Sleep.AWAKE
    board.queue = 0
    assert board.beat.look(10.1).waiting == 0 and board.asleep == 1


def test_it_tells_what_it_saw(board: Board) -> None:
    board.set(1, busy=True, begun=5)
    board.beat.wake(10.0)
    look = board.beat.look(10.0).look
    assert [slot.busy for slot in look[1]] == [False, True] and [slot.begun for slot in look[1]] == [0, 5]


@pytest.mark.parametrize(("grows", "given"), [(False, []), (True, [1])])
def test_all_stuck_give_away_only_where_there_may_be_more_to_take_it(board: Board, grows: bool, given: list[int]) -> None:
    board.all_busy()
    board.set(0, busy=True, kept=2)
    board.grows = grows
    board.beat.wake(10.0)
    board.beat.look(10.0)
    assert board.given == []
    board.beat.look(10.1)
    assert board.given == given
