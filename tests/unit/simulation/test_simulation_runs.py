"""Whole runs: what holds for every algorithm in every scenario, and what the commands print."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from benchmarks.progress import Progress
from simulation import arrivals, report, services, sweep
from simulation.__main__ import main
from simulation.algorithms import Algorithm, Settings, everybody, fcgipm
from simulation.compare import everywhere
from simulation.figures import Figures, figures, percentile
from simulation.run import run
from simulation.scenarios import SCENARIOS, Scenario, Surge, make
from simulation.site import Costs, Request

from tests.unit.simulation.support import CROWD, scenario, whatever

ALL = everybody(Settings(), Costs())


def short(seed: int) -> Scenario:
    """Something of everything: a quiet time, a crowd, a quiet time."""
    random = Random(f"short {seed}")
    service = services.lognormal(random, 0.05, 1.5, 3.0)
    rate = arrivals.step(10, 150, 2.0, 6.0)
    requests = sorted([*arrivals.poisson(random, rate, 150, 9.0, service), *[Request(3.0, 0.1, 5.0)] * 20])
    return Scenario("short", "a bit of all", 30.0, requests, Surge(2.0, 20))


@pytest.mark.parametrize("algorithm", ALL, ids=lambda one: one.name)
@pytest.mark.parametrize("seed", [1, 2])
def test_everybody_is_served_once_and_the_bounds_hold(algorithm: Algorithm, seed: int) -> None:
    what = short(seed)
    record = run(what, algorithm)
    assert record.served == record.arrived == len(record.waits) >= len(what.requests)
    assert min(record.waits) >= 0.0
    workers = [count for when, count in zip(record.workers.times, record.workers.values, strict=True) if when > 0.0]
    assert min(workers, default=40) >= whatever(2, algorithm) and record.ready.peak <= 40
    assert record.busy.value == record.queue.value == 0
    once = [request.at for request in what.requests if not request.again_until]
    assert sorted(set(once) - set(record.began)) == []


@pytest.mark.parametrize("algorithm", ALL, ids=lambda one: one.name)
def test_the_same_seed_gives_the_same_run(algorithm: Algorithm) -> None:
    first, second, other = (run(short(seed), algorithm) for seed in (3, 3, 4))
    assert figures(first) == figures(second) and first.waits == second.waits and first.workers.times == second.workers.times
    assert first.waits != other.waits


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_is_in_order_within_its_time_and_the_same_for_a_seed(name: str) -> None:
    one = make(name, 1)
    assert one.name == name and one.requests == sorted(one.requests) == make(name, 1).requests
    assert one.requests[0].at >= 0 and one.requests[-1].at < one.seconds
    assert name == "flash" or one.requests != make(name, 2).requests


def test_only_fcgipm_and_static_serve_a_crowd_at_once() -> None:
    """PEERS.md, measured with 2 to 40 workers: php-fpm dynamic and uWSGI over 6 s; here the same, and fcgipm below 0.1 s."""
    what = scenario(CROWD, 10.0, Surge(0.5, 40))
    full = {name: figures(record, what.surge).full for name, record in everywhere(what, ALL, Costs(), Progress()).items()}
    assert {name for name, seconds in full.items() if seconds is None} == {"php-fpm dynamic", "uWSGI spare", "uWSGI busyness"}
    quick = full["fcgipm"]
    assert quick is not None and quick < 0.1 and full["php-fpm static"] == 0.0


# Rates and draws.


@pytest.mark.parametrize(
    ("rate", "at", "value"),
    [
        (arrivals.step(1, 9, 2.0, 4.0), 1.9, 1),
        (arrivals.step(1, 9, 2.0, 4.0), 2.0, 9),
        (arrivals.ramp(10, 5.0, 10.0), 2.5, 5),
        (arrivals.ramp(10, 5.0, 10.0), 7.5, 5),
        (arrivals.day(2, 8, 100.0), 0.0, 2),
        (arrivals.day(2, 8, 100.0), 50.0, 8),
        (arrivals.day(2, 8, 100.0, phase=0.5), 0.0, 8),
        (arrivals.square(7, 1.0, (2.0, 4.0)), 0.5, 7),
        (arrivals.square(7, 1.0, (2.0, 4.0)), 2.5, 0),
        (arrivals.square(7, 1.0, (2.0, 4.0)), 3.5, 7),
        (arrivals.square(7, 1.0, (2.0, 4.0)), 7.9, 0),
        (arrivals.square(7, 1.0, (2.0, 4.0)), 8.1, 7),
    ],
)
def test_rates(rate: arrivals.Rate, at: float, value: float) -> None:
    assert rate(at) == pytest.approx(value)


def test_requests_come_as_often_as_the_rate_says() -> None:
    rate = arrivals.step(10, 100, 10.0, 20.0)
    came = [request.at for request in arrivals.poisson(Random("rate"), rate, 100, 30.0, services.fixed(1.0))]
    within = sum(10.0 <= at < 20.0 for at in came)
    assert within == pytest.approx(1000, rel=0.1) and len(came) - within == pytest.approx(200, rel=0.2)


def test_service_times_have_a_heavy_tail_and_an_end() -> None:
    random = Random("tails")
    draw = services.lognormal(random, 0.05, 1.5, 10.0)
    drawn = sorted(draw() for _ in range(20000))
    assert drawn[0] >= 0 and drawn[-1] == 10.0 and drawn[-100] > 10 * drawn[10000]


# Figures and tables.


def test_percentiles_are_values_that_were_there() -> None:
    assert [percentile([1.0, 2.0, 3.0, 4.0], percent) for percent in (0, 25, 26, 99, 100)] == [1.0, 1.0, 2.0, 4.0, 4.0]
    assert percentile([], 50) == 0.0


def test_the_table_of_a_scenario() -> None:
    row = Figures(1234, 0.25, 0.0, 0.0125, 1.5, 3.25, 7, 9, 0.0501, 1234.5, 3)
    lines = report.text(make("flash", 1), {"fcgipm": row, "other": row._replace(full=None), "third": row._replace(full=6.04)}).splitlines()
    assert lines[0].startswith("flash: 40 clients")
    assert lines[-3].split() == ["fcgipm", "1,234", "25.0%", "0.0", "12.5", "1,500", "3.2", "7", "9", "50", "ms", "1,234", "3"]
    assert " -  " in lines[-2] and "6.0 s" in lines[-1]


def test_a_pair_is_beaten_by_fewer_who_wait_and_fewer_idle_workers_whatever_it_costs_in_forks() -> None:
    base = sweep.Outcome(waited=0.1, p99=1.0, longest=2.0, idle=5.0, forks=30.0, flaps=1.0)
    pairs = {
        sweep.Pair(1, 10.0): base,
        sweep.Pair(0, 10.0): base._replace(waited=0.2, idle=4.5),
        sweep.Pair(2, 10.0): base._replace(waited=0.05, idle=6.0),
        sweep.Pair(1, 5.0): base._replace(waited=0.15, idle=4.0),
        sweep.Pair(1, 30.0): base._replace(forks=20.0),
        sweep.Pair(4, 1.0): base._replace(waited=0.08, idle=4.9, forks=90.0),
    }
    assert sweep.front(pairs) == {sweep.Pair(2, 10.0), sweep.Pair(1, 5.0), sweep.Pair(4, 1.0)}
    said = sweep.verdict(pairs, sweep.Pair(1, 10.0))
    assert said[2] == "  spare  2, idle_timeout 10 s: +1.0 idle workers, -5.00 points of the requests wait, +0.0 forks/min"
    assert said[5:] == [
        "with fewer waiting requests and fewer idle workers at once:",
        "  spare  4, idle_timeout 1 s: -0.1 idle workers, -2.00 points of the requests wait, +60.0 forks/min",
    ]
    del pairs[sweep.Pair(4, 1.0)]
    assert sweep.verdict(pairs, sweep.Pair(1, 10.0))[-1] == "none has fewer waiting requests and fewer idle workers at once"
    assert sweep.verdict(pairs, sweep.Pair(3, 10.0)) == []


def test_one_pair_over_scenarios_is_their_mean_and_their_worst() -> None:
    what = scenario([Request(1.0, 0.1)] * 5, 30.0)
    one = sweep.tried([what, what], Settings(), Costs())
    alone = figures(run(what, fcgipm(Settings())))
    assert one.waited == alone.waited == 0.6 and one.longest == alone.longest and one.forks == 2 * alone.forks


# The command.


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("flsh", "there is no flsh: steady, step"),
        ("fleet step", "sweep and fleet stand alone"),
        ("flash --min 3 --max 2", "--min 3 --max 2: min is from 0 to max"),
        ("flash --max 0 --min 0", "max from 1 to 1000"),
        ("flash --idle-timeout -1", "are 0 or more"),
        ("fleet --machines 0", "are 1 or more"),
        ("flash --only apache", "--only apache: no algorithm has that in its name: fcgipm, fcgipm ondemand"),
    ],
)
def test_a_wrong_command_line_is_told_with_the_way_out(arguments: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments.split()) == 64
    told = capsys.readouterr()
    assert said in told.err and told.err.startswith("scripts/simulate: ") and not told.out


def test_a_recorded_file_becomes_a_table_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "monday.csv"
    log.write_text("arrival,service\n" + "".join(f"{second / 10},0.2\n" for second in range(50)))
    assert main(["--recorded", str(log), "--picture", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "monday.csv: 50 recorded requests" in out and "uWSGI busyness" in out
    assert (tmp_path / "out" / "monday.png").read_bytes().startswith(b"\x89PNG")


def test_a_wrong_file_is_told_and_nothing_is_simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "wrong.csv"
    log.write_text("1.0\n2.0,x\n")
    assert main(["--recorded", str(log)]) == 1
    told = capsys.readouterr()
    assert not told.out and [line.partition("wrong.csv:")[2][:1] for line in told.err.splitlines()[1:]] == ["1", "2"]
