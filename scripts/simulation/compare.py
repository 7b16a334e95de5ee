"""Every algorithm in the chosen scenarios: a table and a picture of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.progress import Progress

from simulation import picture, report
from simulation.algorithms import Algorithm
from simulation.figures import figures
from simulation.record import Record
from simulation.run import run
from simulation.scenarios import Scenario
from simulation.site import Costs


def compare(scenarios: Sequence[Scenario], algorithms: Sequence[Algorithm], costs: Costs, folder: Path, progress: Progress) -> None:
    """Print the tables, each when its scenario is done, and write the pictures."""
    for scenario in scenarios:
        records = everywhere(scenario, algorithms, costs, progress)
        progress.show(f"{scenario.name}: picture")
        path = folder / f"{scenario.name}.png"
        picture.scenario(path, scenario, records)
        progress.done()
        print(report.text(scenario, {name: figures(record, scenario.surge) for name, record in records.items()}))
        print(f"{path}\n", flush=True)
    print(report.NOTES)


def everywhere(scenario: Scenario, algorithms: Sequence[Algorithm], costs: Costs, progress: Progress) -> dict[str, Record]:
    """The records, by the algorithms' names."""
    records = {}
    for index, algorithm in enumerate(algorithms, 1):
        progress.show(f"{scenario.name}: {algorithm.name} ({index} of {len(algorithms)})")
        records[algorithm.name] = run(scenario, algorithm, costs)
    return records
