"""What a keeper decides of what it sees."""

from __future__ import annotations

import itertools

import pytest

from fcgipm.worker.keeper_decisions import (
    INTERVAL,
    LEAVING_INTERVAL,
    TERM_GRACE,
    Parting,
    Rhythm,
    Step,
    when_frozen,
    when_running,
)

FREE = Parting(stops=False, unshared=True, last=False, queued=False)
"""One copy of several, at a listener of their own, that is not needed any more."""
EVERY = [Parting(*flags, told=told) for flags in itertools.product((False, True), repeat=5) for told in (None, 0.0, TERM_GRACE)]


# When it looks.


def test_it_looks_while_anybody_is_at_work_and_rests_after_two_looks_without() -> None:
    rhythm = Rhythm()
    assert [rhythm.after(at_work, leaving=False) for at_work in (True, True, False, True, False, False)] == [INTERVAL] * 5 + [None]


def test_who_comes_is_looked_for_twice() -> None:
    rhythm = Rhythm()
    assert [rhythm.after(at_work=False, leaving=False) for _ in range(2)] == [INTERVAL, None]
    rhythm.stirred()
    assert [rhythm.after(at_work=False, leaving=False) for _ in range(2)] == [INTERVAL, None]


@pytest.mark.parametrize("at_work", [False, True])
def test_who_is_to_leave_is_looked_at_more_often_and_without_end(at_work: bool) -> None:
    rhythm = Rhythm()
    assert [rhythm.after(at_work, leaving=True) for _ in range(5)] == [LEAVING_INTERVAL] * 5


# How a copy leaves.


def test_one_that_is_not_needed_is_frozen_and_ended_where_it_stands() -> None:
    """Whoever waits is served by those that stay."""
    for parting in (FREE, FREE._replace(queued=True)):
        assert (when_running(parting), when_frozen(parting, empty=True)) == (Step.FREEZE, Step.KILL)


def test_one_that_took_a_connection_before_it_froze_goes_on() -> None:
    assert when_frozen(FREE, empty=False) is Step.WAIT


def test_the_last_of_an_edition_serves_its_queue_to_the_end() -> None:
    last = FREE._replace(last=True)
    assert when_running(last._replace(queued=True)) is Step.WAIT
    assert when_running(last) is Step.FREEZE
    assert when_frozen(last._replace(queued=True), empty=True) is Step.WAIT, "who came at the last moment"
    assert when_frozen(last, empty=True) is Step.KILL


def test_the_last_at_a_shared_listener_leaves_the_queue_to_the_next_edition() -> None:
    shared = FREE._replace(last=True, unshared=False, queued=True)
    assert (when_running(shared), when_frozen(shared, empty=True)) == (Step.FREEZE, Step.KILL)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("unshared", [False, True])
def test_at_the_end_of_a_pool_everybody_serves_the_queue(last: bool, unshared: bool) -> None:
    stopping = Parting(stops=True, unshared=unshared, last=last, queued=True)
    assert when_running(stopping) is Step.WAIT and when_frozen(stopping, empty=True) is Step.WAIT


def test_only_where_nobody_can_come_any_more_it_may_end_by_itself() -> None:
    stopping = FREE._replace(stops=True)
    assert when_frozen(stopping, empty=True) is Step.TERM
    assert when_frozen(stopping._replace(unshared=False), empty=True) is Step.KILL, "TCP: the kernel goes on accepting"


def test_one_that_was_told_is_left_alone_and_then_killed() -> None:
    told = FREE._replace(stops=True, told=0.0)
    assert when_running(told) is Step.WAIT
    late = told._replace(told=TERM_GRACE)
    assert (when_running(late), when_frozen(late, empty=True)) == (Step.FREEZE, Step.KILL)


def test_one_that_cannot_be_seen_is_told_once() -> None:
    unseen = FREE._replace(readable=False)
    assert when_running(unseen) is Step.TERM
    assert when_running(unseen._replace(told=0.1)) is when_running(unseen._replace(told=100.0)) is Step.WAIT


def test_nobody_is_ended_who_holds_a_connection_or_is_needed() -> None:
    for parting in EVERY:
        assert when_running(parting) is not Step.KILL
        assert when_frozen(parting, empty=False) is Step.WAIT
        if parting.must_serve:
            assert when_frozen(parting, empty=True) is Step.WAIT
            assert when_running(parting) is not Step.FREEZE, "it is not even stopped for a moment"
