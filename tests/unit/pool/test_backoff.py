"""The back-off: 0.1 s doubling to 30 s."""

from __future__ import annotations

from fcgipm.pool.backoff import BackOff


def test_a_fresh_one_permits_at_once() -> None:
    assert BackOff().permits(0.0)


def test_it_doubles_up_to_thirty_seconds() -> None:
    backoff = BackOff()
    delays = []
    now = 100.0
    for _ in range(11):
        backoff.died(0.0, now)
        delays.append(round(backoff.delay, 3))
        now = backoff.retry_at
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_it_holds_back_until_its_time() -> None:
    backoff = BackOff()
    backoff.died(0.0, 5.0)
    assert not backoff.permits(5.05)
    assert backoff.permits(5.11)


def test_deaths_during_one_delay_count_once() -> None:
    backoff = BackOff()
    for _ in range(8):
        backoff.died(0.0, 5.0)
    assert backoff.delay == 0.1


def test_a_long_life_resets_it() -> None:
    backoff = BackOff()
    backoff.died(0.0, 5.0)
    backoff.died(0.0, 6.0)
    backoff.died(10.0, 16.0)
    assert backoff.permits(16.0)
    backoff.died(0.0, 16.0)
    assert backoff.delay == 0.1
