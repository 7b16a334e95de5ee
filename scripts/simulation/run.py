"""One algorithm in one scenario."""

from __future__ import annotations

from simulation.algorithms import Algorithm
from simulation.clock import Clock
from simulation.record import Record
from simulation.scenarios import Scenario
from simulation.site import Costs, Site


def run(scenario: Scenario, algorithm: Algorithm, costs: Costs | None = None) -> Record:
    """What became of it. When the scenario is over, those that still wait are served; their waits count, what the workers do then does not."""
    clock, record = Clock(), Record(scenario.seconds)
    site = Site(clock, record, costs or Costs(), algorithm.fair)
    site.manager = algorithm.manage(site)
    site.manager.start()
    site.expect(scenario.requests)
    clock.run(scenario.seconds)
    clock.run_while(lambda: site.open)
    return record
