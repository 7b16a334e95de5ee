"""`scripts/simulate [SCENARIO...] | sweep | fleet`: what is asked for, and what is wrong with it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.progress import Progress

from fcgipm.pool.policy import WORKERS_LIMIT
from simulation import recorded
from simulation.algorithms import Settings, everybody
from simulation.compare import compare
from simulation.fleet import Plan, fleet
from simulation.recorded import RecordedError
from simulation.scenarios import SCENARIOS, Scenario, make
from simulation.site import Costs
from simulation.sweep import sweep

OTHERS = {
    "sweep": "fcgipm alone, with every pair of some values of spare and idle_timeout, in all scenarios",
    "fleet": "100 machines of 5 pools of fcgipm that share max_workers, up to 10,000 workers",
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command_line()
    options = parser.parse_args(arguments)
    problem = wrong(options)
    if problem:
        print(f"scripts/simulate: {problem}", file=sys.stderr)
        return 64
    try:
        carry_out(options)
    except RecordedError as error:
        print(f"scripts/simulate: nothing simulated:\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def wrong(options: argparse.Namespace) -> str | None:
    """What is wrong with the command line, and what would be right."""
    there = (*SCENARIOS, *OTHERS)
    unknown = [name for name in options.names if name not in there]
    if unknown:
        return f"there is no {', '.join(unknown)}: {', '.join(there)}"
    if len(options.names) > 1 and set(options.names) & set(OTHERS):
        return "sweep and fleet stand alone: give one of them, or scenarios"
    if not 0 <= options.min <= options.max or not 1 <= options.max <= WORKERS_LIMIT:
        return f"--min {options.min} --max {options.max}: min is from 0 to max, max from 1 to {WORKERS_LIMIT}"
    if min(options.spare, options.idle_timeout, options.fork, options.fork_each) < 0:
        return "--spare, --idle-timeout, --fork and --fork-each are 0 or more"
    if options.machines < 1 or (options.jobs is not None and options.jobs < 1):
        return "--machines and --jobs are 1 or more"
    names = [one.name for one in everybody(Settings(), Costs())]
    if options.only and not any(text in name for text in options.only for name in names):
        return f"--only {' '.join(options.only)}: no algorithm has that in its name: {', '.join(names)}"
    return None


def command_line() -> argparse.ArgumentParser:
    defaults, costs = Settings(), Costs()
    parser = argparse.ArgumentParser(
        prog="scripts/simulate",
        usage="scripts/simulate [SCENARIO...] [options] | sweep [options] | fleet [options]",
        description="fcgipm's own scaling beside models of php-fpm's and uWSGI's, on a simulated clock: a table and a picture of each scenario.",
        epilog=choices() + "\n\nFiles for --recorded:" + (recorded.__doc__ or "").partition(".")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="SCENARIO", help="which (default: all)")
    parser.add_argument("--recorded", metavar="FILE", type=Path, help="requests as they once came in, instead of a scenario; the format stands below")
    parser.add_argument("--picture", "--out", metavar="DIR", type=Path, default=Path("simulation"), help="folder for the pictures (default ./simulation)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other requests (default 1)")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="only algorithms whose name has TEXT")
    parser.add_argument("--min", type=int, default=defaults.min, help="least workers of each algorithm (default %(default)s)")
    parser.add_argument("--max", type=int, default=defaults.max, help="most workers of each (default %(default)s)")
    parser.add_argument("--spare", type=int, default=defaults.spare, help="fcgipm's (default %(default)s)")
    parser.add_argument("--idle-timeout", type=float, default=defaults.idle_timeout, metavar="SECONDS", help="of fcgipm and php-fpm ondemand (default 10)")
    parser.add_argument("--fork", type=float, default=1000 * costs.ready, metavar="MS", help="until a forked worker accepts (default 5)")
    parser.add_argument("--fork-each", type=float, default=1000 * costs.each, metavar="MS", help="each further one of one order (default 1)")
    parser.add_argument("--machines", type=int, default=Plan().machines, help="of the fleet (default %(default)s)")
    parser.add_argument("--jobs", type=int, help="processes that simulate the fleet (default: as many as CPUs)")
    return parser


def choices() -> str:
    """The scenarios and the other commands, a line each."""
    lines = {name: make(name, 1).title for name in SCENARIOS} | OTHERS
    return "\n".join(f"  {name:9}{title}" for name, title in lines.items())


def carry_out(options: argparse.Namespace) -> None:
    """Raises RecordedError."""
    settings = Settings(options.min, options.max, options.spare, options.idle_timeout)
    costs, progress = Costs(options.fork / 1000, options.fork_each / 1000), Progress()
    if options.names == ["fleet"]:
        fleet(Plan(machines=options.machines, costs=costs, seed=options.seed), options.picture, progress, options.jobs)
    elif options.names == ["sweep"]:
        sweep(chosen([], options), settings, costs, options.picture, progress)
    else:
        algorithms = [one for one in everybody(settings, costs) if not options.only or any(text in one.name for text in options.only)]
        compare(chosen(options.names, options), algorithms, costs, options.picture, progress)


def chosen(names: Sequence[str], options: argparse.Namespace) -> list[Scenario]:
    """The recorded one, and those of these names; all, when neither is given. Raises RecordedError."""
    from_file = [recorded.scenario(options.recorded)] if options.recorded else []
    return from_file + [make(name, options.seed) for name in names or ([] if from_file else SCENARIOS)]


if __name__ == "__main__":
    sys.exit(main())
