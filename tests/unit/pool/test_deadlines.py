"""Who is overdue, stuck, slow: each told once, and when to look again."""

from __future__ import annotations

import json

from fcgipm.pool.deadlines import AGAIN, Deadlines, Limits, Overdue, Running, Slow, Stuck

S = 1_000_000_000


def test_each_is_told_once_in_its_time() -> None:
    deadlines, one = Deadlines(Limits(10, 5, 2)), Running(1, 0, 100 * S)
    told = {now: deadlines.judge([one], (), now) for now in range(100, 120)}
    assert {now: verdicts for now, verdicts in told.items() if verdicts} == {
        102: [Slow(one)], 110: [Overdue(one)], 115: [Stuck(1, (one,))],
    }  # fmt: skip


def test_the_next_look_is_when_the_next_thing_is_due() -> None:
    deadlines, one = Deadlines(Limits(10, 5, 2)), Running(1, 0, 100 * S)
    dues = []
    for now in (100, 102, 110, 115):
        deadlines.judge([one], (), now)
        dues.append(deadlines.next_due)
    assert dues == [102, 110, 115, None]
    assert deadlines.judge([], (), 116) == [] and deadlines.next_due is None


def test_a_new_stretch_begins_anew() -> None:
    deadlines = Deadlines(Limits(10, 5))
    assert deadlines.judge([Running(1, 0, 100 * S)], (), 111) == [Overdue(Running(1, 0, 100 * S))]
    assert deadlines.judge([Running(1, 0, 109 * S)], (), 116) == []
    assert deadlines.next_due == 119


def test_healthy_requests_are_waited_for_only_while_the_worker_can_act() -> None:
    stuck, healthy = Running(1, 0, 100 * S), Running(1, 1, 112 * S)
    yielding, silent = Deadlines(Limits(10, 5)), Deadlines(Limits(10, 5))
    assert yielding.judge([stuck, healthy], (1,), 116) == [Overdue(stuck)]
    assert silent.judge([stuck, healthy], (), 116) == [Overdue(stuck), Stuck(1, (stuck,))]
    assert yielding.judge([stuck], (1,), 117) == [Stuck(1, (stuck,))]


def test_a_worker_that_is_waited_for_is_looked_at_again_soon() -> None:
    deadlines = Deadlines(Limits(10, 5))
    deadlines.judge([Running(1, 0, 100 * S), Running(1, 1, 112 * S)], (1,), 116)
    assert deadlines.next_due == 116 + AGAIN


def test_another_program_says_nothing_twice_but_what_only_an_end_settles() -> None:
    before, after, one = Deadlines(Limits(10, 5, 2)), Deadlines(Limits(10, 5, 2)), Running(1, 0, 100 * S)
    assert before.judge([one], (), 116) == [Slow(one), Overdue(one), Stuck(1, (one,))]
    after.restore(json.loads(json.dumps(before.describe())))
    assert after.judge([one], (), 117) == [Stuck(1, (one,))]
