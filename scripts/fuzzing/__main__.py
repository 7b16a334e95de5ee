"""`scripts/fuzz`: see there."""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
import traceback
from pathlib import Path

from fuzzing.engine import Fuzzer
from fuzzing.statements import Statements

CORPUS = Path(__file__).resolve().parents[2] / "tests" / "fuzz" / "corpus"
COUNTED = ("fcgipm/wire/", "fcgipm/config/", "fcgipm/accesslog.py")
GROWTH_LIMIT = 16 << 20
"""Bytes that the process may grow by after its first thousand inputs."""
WARM = 1000


def main(arguments: list[str]) -> int:
    """1 when an input raised, or memory grew."""
    statements = Statements(COUNTED)
    statements.install()
    from fuzzing.targets import TARGETS  # Not before: this imports what is counted.

    parser = argparse.ArgumentParser(prog="scripts/fuzz", description="Coverage-guided fuzzing.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all of {', '.join(TARGETS)}")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="for each target (default: a million)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="for each target at most")
    parser.add_argument("--seed", type=int, default=1, help="runs with different seeds add up")
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="folder of the inputs kept, one below it for each target")
    options = parser.parse_args(arguments)
    unknown = set(options.targets) - TARGETS.keys()
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    failed = 0
    for name in options.targets or TARGETS:
        folder = options.corpus / name
        folder.mkdir(parents=True, exist_ok=True)
        kept = [file.read_bytes() for file in sorted(folder.glob("*"))]
        fuzzer = Fuzzer(TARGETS[name].run, [*TARGETS[name].seeds, *kept], statements, options.seed)
        failed |= fuzz(name, fuzzer, folder, options.inputs, options.seconds)
    return failed


def fuzz(name: str, fuzzer: Fuzzer, folder: Path, inputs: int, seconds: float) -> int:
    """Fuzz one target and say how it goes; 0 if nothing was wrong."""
    progress = Progress(name, fuzzer, inputs)
    end = time.monotonic() + seconds
    resting = 0
    while fuzzer.count < inputs and time.monotonic() < end:
        data, error, new = fuzzer.step()
        if error is not None or new:
            (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
        if error is not None:
            print(f"\n{name}: {data!r}")
            traceback.print_exception(error)
            return 1
        if fuzzer.count == WARM:
            resting = resident()
        if not fuzzer.count & 127:
            progress.tell()
    grown = resident() - resting if resting else 0
    progress.sum_up(grown)
    return int(grown > GROWTH_LIMIT)


class Progress:
    """How far it is: a line that changes each second on a terminal, else a line a minute."""

    def __init__(self, name: str, fuzzer: Fuzzer, inputs: int) -> None:
        self._name, self._fuzzer, self._inputs = name, fuzzer, inputs
        self._terminal = sys.stdout.isatty()
        self._started = self._told = time.monotonic()

    def tell(self) -> None:
        now = time.monotonic()
        if now - self._told >= (1 if self._terminal else 60):
            self._told = now
            left = (self._inputs / self._fuzzer.count - 1) * (now - self._started)
            print(f"{self._said(now)}, {left:.0f} s left", end="\033[K\r" if self._terminal else "\n", flush=True)

    def sum_up(self, grown: int) -> None:
        print(f"{self._said(time.monotonic())}; grew by {grown / (1 << 20):.1f} MiB", end="\033[K\n" if self._terminal else "\n", flush=True)

    def _said(self, now: float) -> str:
        fuzzer = self._fuzzer
        speed = fuzzer.count / (now - self._started)
        return (
            f"{self._name}: {fuzzer.count:,} of {self._inputs:,} inputs, {speed:,.0f} a second,"
            f" {fuzzer.reached} statements reached, {len(fuzzer.corpus)} inputs kept"
        )


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
