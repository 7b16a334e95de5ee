"""Percentiles, medians and factors."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fcgipm.bench.figures import Round, client_limits, factors, medians, percentile
from fcgipm.bench.load import Seen
from fcgipm.bench.measure import shares, summary
from fcgipm.bench.ways import CGI, DIRECT, FASTCGI, NGINX, Way, ways

ONE = Round(
    requests=100, failed=0, rate=50.0, p50_ms=10.0, p90_ms=20.0, p99_ms=30.0, cpu_ms=5.0, front_ms=0.0, client_ms=0.1, client_share=0.2, memory=1e6, started=3
)


def test_a_percentile_is_a_value_that_was_seen() -> None:
    waits = [float(number) for number in range(1, 101)]
    assert [percentile(waits, percent) for percent in (0, 1, 50, 99, 100)] == [1, 1, 50, 99, 100]
    assert percentile([7.0], 99) == 7.0
    assert percentile([], 50) == 0.0


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(0, 100))
def test_as_many_as_told_are_not_above_it(values: list[float], percent: int) -> None:
    ordered = sorted(values)
    found = percentile(ordered, percent)
    assert found in ordered
    assert sum(one <= found for one in ordered) * 100 >= percent * len(ordered)


def test_medians_forget_an_outlier_but_no_failure() -> None:
    rounds = [ONE, ONE._replace(rate=1.0, failed=1), ONE._replace(rate=60.0)]
    middle = medians(rounds)
    assert (middle.rate, middle.failed, middle.requests) == (50.0, 1, 300)


def test_factors_compare_rounds_side_by_side() -> None:
    slow, new, kept = (Way(CGI, False, NGINX), Way(FASTCGI, False, NGINX), Way(FASTCGI, True, NGINX))
    # The machine was half as fast in the second round: the ratios do not notice.
    rounds = {
        slow: [ONE._replace(rate=10, cpu_ms=80, p50_ms=400), ONE._replace(rate=5, cpu_ms=160, p50_ms=800)],
        new: [ONE, ONE],
        kept: [ONE._replace(rate=1000, cpu_ms=0.8, p50_ms=4), ONE._replace(rate=500, cpu_ms=1.6, p50_ms=8)],
    }
    [found] = factors(rounds)
    assert (found.door, round(found.rate), round(found.cpu), round(found.wait)) == (NGINX, 100, 100, 100)


def test_nothing_answered_is_no_division_by_zero() -> None:
    way = Way(CGI, False, DIRECT)
    nothing = summary([Seen([], {}, {"no answer within 30 s": 2}, 0.0, 0.0)], 1.0, 0.0, 0, 0)
    assert (nothing.requests, nothing.failed, nothing.rate) == (0, 2, 0.0)
    assert factors({way: [nothing], way._replace(interface=FASTCGI, kept=True): [nothing]})[0].rate == 0.0


def test_a_round_adds_up_what_the_processes_of_the_load_saw() -> None:
    seen = [Seen([1000, 3000], {"200": 2}, {}, 0.5, 0.1), Seen([2000], {"200": 1, "503": 1}, {"BadReply": 1}, 1.0, 0.98)]
    found = summary(seen, used=0.6, front=0.03, memory=5, started=2)
    assert (found.requests, found.failed, found.rate) == (3, 2, 3.0)
    assert (found.p50_ms, found.p99_ms) == (2.0, 3.0)
    assert (round(found.cpu_ms, 6), round(found.front_ms, 6), round(found.client_ms, 6)) == (200.0, 10.0, 360.0)
    assert client_limits([found]), "one of its processes had no CPU left"
    assert not client_limits([found._replace(client_share=0.5)] * 2 + [found])


def test_the_ways() -> None:
    assert len(ways(True)) == 6 and len(ways(False)) == 3
    assert len({way.name for way in ways(True)}) == len({way.label for way in ways(True)}) == 6


def test_clients_are_shared_out() -> None:
    assert shares(8, 2) == [8]
    assert shares(10, 16) == [3, 3, 2, 2]
    assert shares(1, 64) == [1]
    assert all(sum(shares(clients, cpus)) == clients for clients in range(1, 40) for cpus in range(1, 40))
