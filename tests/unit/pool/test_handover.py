"""Who must give its kept connections away."""

from __future__ import annotations

from fcgipm.pool.handover import SlotLook, givers

IDLE = SlotLook(busy=False, begun=3, kept=8)
STUCK = SlotLook(busy=True, begun=3, kept=8)
MOVED_ON = SlotLook(busy=True, begun=4, kept=8)
ALONE = SlotLook(busy=True, begun=3, kept=0)


def test_the_stuck_one_gives_to_the_idle_one() -> None:
    look = {1: (STUCK,), 2: (IDLE,)}
    assert givers(look, look) == [1]


def test_one_look_is_no_proof() -> None:
    assert givers({1: (IDLE,), 2: (IDLE,)}, {1: (STUCK,), 2: (IDLE,)}) == []
    assert givers({}, {1: (STUCK,), 2: (IDLE,)}) == []


def test_another_request_is_not_being_stuck() -> None:
    assert givers({1: (STUCK,), 2: (IDLE,)}, {1: (MOVED_ON,), 2: (IDLE,)}) == []


def test_nothing_kept_nothing_to_give() -> None:
    look = {1: (ALONE,), 2: (IDLE,)}
    assert givers(look, look) == []


def test_nobody_gives_when_nobody_could_take() -> None:
    look = {1: (STUCK,), 2: (STUCK,), 3: (ALONE,)}
    assert givers(look, look) == []


def test_whoever_goes_from_request_to_request_can_take() -> None:
    assert givers({1: (STUCK,), 2: (STUCK,)}, {1: (STUCK,), 2: (MOVED_ON,)}) == [1]


def test_a_new_worker_can_take() -> None:
    assert givers({1: (STUCK,)}, {1: (STUCK,), 2: (STUCK,)}) == [1]


def test_several_give() -> None:
    look = {1: (STUCK,), 2: (IDLE,), 3: (STUCK,)}
    assert givers(look, look) == [1, 3]


def test_a_thread_of_the_same_worker_can_take() -> None:
    look = {1: (STUCK, IDLE)}
    assert givers(look, look) == [1]
    look = {1: (STUCK, ALONE)}
    assert givers(look, look) == []
