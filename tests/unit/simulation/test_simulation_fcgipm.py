"""fcgipm in the simulator is fcgipm: it grows as its Scaling says, when its Beat looks, and shares as its master does."""

from __future__ import annotations

from functools import partial

import pytest
from simulation.algorithms import Settings
from simulation.breathing import Breathing
from simulation.clock import Clock
from simulation.fleet import Plan, Shares, highest, machine
from simulation.record import Record
from simulation.site import Costs, Request, Site

from fcgipm.master.beat import BUSY_INTERVAL, GROWING_INTERVAL, KEPT_INTERVAL
from fcgipm.pool.policy import Load
from fcgipm.pool.scaling import Scaling
from tests.unit.simulation.support import CROWD, site, sizes


def breathing(requests: list[Request], settings: Settings | None = None) -> Site:
    return site(partial(Breathing, settings=(settings or Settings()).pool()), requests)


def pool_of(one: Site) -> Breathing:
    assert isinstance(one.manager, Breathing)
    return one.manager


def test_a_crowd_has_its_workers_in_less_than_a_tenth_of_a_second() -> None:
    """The alarm is heard at the first who waits; 10 ms later all are seen, and 38 more workers are ordered at once."""
    one = breathing(CROWD)
    one.clock.run(2.0)
    full = one.record.ready.reached(40, 0.5)
    assert full is not None and full < 0.1
    assert full == pytest.approx(GROWING_INTERVAL + 0.005 + 37 * 0.001, abs=0.003)


def test_it_grows_to_what_scaling_says_of_the_same_load() -> None:
    """Three requests on two workers, and nothing more: a look at every step of it, by hand."""
    one, scaling = breathing([Request(1.0, 0.5)] * 3), Scaling(Settings().pool())
    one.clock.run(1.0)
    scaling.observe(Load(busy=2, waiting=1), 1.0)
    assert len(one.workers) == scaling.target(1.0) == 4
    one.clock.run(1.4)
    scaling.observe(Load(busy=3, waiting=0), 1.4)
    assert len(one.workers) == scaling.target(1.4) == 4
    one.clock.run(1.6)
    scaling.observe(Load(busy=0, waiting=0), 1.6)
    assert scaling.target(1.6) == 4 and scaling.target(11.7) == 2
    seen = pool_of(one).pool.scaling.next_change
    assert seen is not None and 1.5 <= seen - 10.0 <= 1.5 + BUSY_INTERVAL
    assert sizes(one, [seen - 0.01, seen + 0.01]) == [4, 2]


def test_at_rest_nothing_looks() -> None:
    one = breathing([])
    one.clock.run(90.0)
    assert pool_of(one).looks == 0 and len(one.workers) == 2


def test_it_looks_at_the_pace_of_its_beat_and_falls_asleep_after_two_quiet_looks() -> None:
    """First 20 ms after it was woken, then every 50 ms; nobody waits, and one more worker is wanted than is busy, which is there."""
    one = breathing([Request(1.0, 0.3)])
    one.clock.run(1.0 + KEPT_INTERVAL + 4.5 * BUSY_INTERVAL)
    assert pool_of(one).looks == 5
    one.clock.run(90.0)
    assert pool_of(one).looks == 6 + 2


def test_ondemand_goes_back_to_nobody() -> None:
    one = breathing([Request(1.0, 0.1)], Settings(min=0, spare=0))
    assert sizes(one, [0.9, 1.05, 11.0, 11.3]) == [0, 1, 1, 0]


def test_it_never_has_more_than_max_that_stay() -> None:
    one = breathing([Request(1.0, 0.5)] * 200, Settings(max=10))
    one.clock.run(30.0)
    assert one.record.ready.peak == 10 and one.record.served == 200


# Several pools.


def sharing(total: int, *loads: list[Request]) -> list[Site]:
    clock = Clock()
    shares = Shares(total, clock)
    sites = [Site(clock, Record(60.0), Costs(), fair=False) for _ in loads]
    for one in sites:
        one.manager = pool = Breathing(one, Settings(min=1, max=60).pool(), shares.deal)
        shares.pools.append(pool)
    shares.deal()
    for one, load in zip(sites, loads, strict=True):
        one.manager.start()
        one.expect(load)
    return sites


def test_two_pools_in_need_get_half_each_and_one_alone_gets_all_but_the_least_of_the_other() -> None:
    crowd = [Request(1.0, 0.2, again_until=9.0)] * 50
    both = sharing(30, crowd, crowd)
    both[0].clock.run(5.0)
    assert [one.record.ready.value for one in both] == [15, 15]
    alone = sharing(30, crowd, [])
    alone[0].clock.run(5.0)
    # The other one wants its spare worker, no more.
    assert [one.record.ready.value for one in alone] == [29, 1]


def test_a_machine_is_the_same_every_time_and_serves_everybody() -> None:
    plan = Plan(seconds=4, max_workers=20)
    one = machine(plan, 3)
    assert one == machine(plan, 3) and one != machine(plan, 4)
    assert one.arrived == one.served == len(one.waits) > 100 and one.peak >= max(second.workers for second in one.seconds)


def test_the_most_at_one_instant_are_counted_over_all_pools() -> None:
    first, second = Record(), Record()
    for record, changes in ((first, ((2, 1.0), (-2, 2.0))), (second, ((3, 1.5), (1, 2.0)))):
        for by, now in changes:
            record.workers.add(by, now)
    assert highest([first, second]) == 5
