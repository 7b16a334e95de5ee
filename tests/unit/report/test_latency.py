"""Percentiles and rates from fixed buckets."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgipm.report.latency import EDGES, INTERVAL, WINDOW, History, merged, nothing, percentile
from fcgipm.scoreboard import BUCKETS, LONGEST_NS, RATIO, SHORTEST_NS
from fcgipm.worker.running import bucket


def counted(times: list[int]) -> list[int]:
    buckets = nothing()
    for took in times:
        buckets[bucket(took)] += 1
    return buckets


def exact(times: list[int], part: float) -> float:
    ordered = sorted(times)
    return ordered[max(1, -int(-part * len(ordered) // 1)) - 1] / 1e9


def test_buckets_are_narrow_enough() -> None:
    assert RATIO <= 1.1 and len(EDGES) == BUCKETS - 1


@given(st.integers(0, 10**16))
def test_every_time_is_in_the_bucket_between_its_edges(took: int) -> None:
    number = bucket(took)
    assert number == BUCKETS - 1 or took / 1e9 < EDGES[number] * (1 + 1e-9)
    assert number == 0 or took / 1e9 >= EDGES[number - 1] * (1 - 1e-9)


@given(st.lists(st.integers(SHORTEST_NS, LONGEST_NS - 1), min_size=1), st.sampled_from((0.5, 0.9, 0.99)))
def test_percentiles_are_within_five_percent(times: list[int], part: float) -> None:
    assert percentile(counted(times), part) == pytest.approx(exact(times, part), rel=0.05)


def test_percentiles_of_a_hundred_thousand() -> None:
    chance = random.Random(7)
    for draw in (lambda: chance.lognormvariate(16, 2), lambda: chance.uniform(2e4, 3e9), lambda: chance.paretovariate(1.1) * 2e5):
        times = [min(LONGEST_NS - 1, max(SHORTEST_NS, int(draw()))) for _ in range(100_000)]
        for part in (0.5, 0.9, 0.99):
            assert percentile(counted(times), part) == pytest.approx(exact(times, part), rel=0.05)


def test_no_request_no_percentile() -> None:
    assert percentile(nothing(), 0.5) is None
    recent = History(0.0).recent(0.0, nothing())
    assert recent.requests_per_second == 0.0 and set(recent.latency.values()) == {None}


def test_a_steady_rate() -> None:
    history, total = History(0.0), nothing()
    for second in range(200):
        total = merged(total, counted([1_000_000] * 10))
        if history.due(second + 1.0):
            history.note(second + 1.0, total)
        assert history.recent(second + 1.0, total).requests_per_second == pytest.approx(10)


def test_what_is_older_than_the_window_does_not_count() -> None:
    """At rest nothing is noted, and yet the old requests are forgotten."""
    history, before = History(0.0), counted([1_000_000] * 100)
    history.note(1.0, before)
    assert history.recent(30.0, before).requests_per_second == pytest.approx(100 / 30)
    assert history.recent(61.0, before).requests_per_second == 0
    after = merged(before, counted([5_000_000_000] * 13))
    late = history.recent(10_000.0, after)
    assert late.requests_per_second == pytest.approx(13 / (WINDOW + INTERVAL))
    assert late.latency["p50"] == pytest.approx(5, rel=0.05)


@given(st.lists(st.tuples(st.floats(0.01, 40), st.integers(0, 5)), max_size=60))
def test_everything_of_the_window_counts_and_nothing_twice(steps: list[tuple[float, int]]) -> None:
    history, now, total, times = History(0.0), 0.0, nothing(), []
    for wait, count in steps:
        now += wait
        total = merged(total, counted([1_000_000] * count))
        times += [now] * count
        history.note(now, total)
        seen = history.recent(now, total).requests_per_second * min(now, WINDOW + INTERVAL)
        within = sum(when > now - WINDOW for when in times)
        assert within * 0.9 - 1e-6 <= seen <= len(times) * (WINDOW + INTERVAL) / WINDOW + 1e-6
