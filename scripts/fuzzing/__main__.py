"""`scripts/fuzz`: see there."""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
import traceback
from pathlib import Path

from fuzzing.engine import Fuzzer
from fuzzing.targets import TARGETS

CORPUS = Path(__file__).resolve().parents[2] / "tests" / "fuzz" / "corpus"
GROWTH_LIMIT = 64 << 20
"""Bytes that the process may grow by after its first thousand inputs."""
WARM = 1000


def main(arguments: list[str]) -> int:
    """1 when an input raised, or memory grew."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description="Coverage-guided fuzzing.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all of {', '.join(TARGETS)}")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="for each target (default: a million)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="for each target at most")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    unknown = set(options.targets) - TARGETS.keys()
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    return max([fuzz(name, options.inputs, options.seconds, options.seed) for name in options.targets or TARGETS])


def fuzz(name: str, inputs: int, seconds: float, seed: int) -> int:
    """Fuzz one target and say how it goes; 0 if nothing was wrong."""
    folder = CORPUS / name
    fuzzer = Fuzzer(TARGETS[name], [file.read_bytes() for file in sorted(folder.glob("*"))], seed)
    started = told = time.monotonic()
    resting = 0
    while fuzzer.count < inputs and time.monotonic() - started < seconds:
        data, error, new = fuzzer.step()
        if error is not None or new:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
        if error is not None:
            print(f"\n{name}: {data!r}")
            traceback.print_exception(error)
            return 1
        if fuzzer.count == WARM:
            resting = resident()
        if time.monotonic() - told > 1:
            told = time.monotonic()
            tell(name, fuzzer, told - started, "\r" if sys.stdout.isatty() else "")
    tell(name, fuzzer, time.monotonic() - started, "\n")
    grown = resident() - resting if resting else 0
    if grown > GROWTH_LIMIT:
        print(f"{name}: grew by {grown >> 20} MiB")
        return 1
    return 0


def tell(name: str, fuzzer: Fuzzer, seconds: float, end: str) -> None:
    """One line of progress; none between the ends where nobody watches."""
    if end:
        lines, kept = len(fuzzer.lines.seen), len(fuzzer.corpus)
        print(f"{name}: {fuzzer.count} inputs, {fuzzer.count / seconds:.0f} a second, {lines} lines reached, {kept} inputs kept", end=end, flush=True)


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
