"""Requests as they once came in, from a file.

Two formats, line by line; blank lines and lines that begin with # are skipped:

- columns: arrival and service time in seconds, separated by a comma, semicolon, tab or blanks: ``1732590000.25, 0.120``. Arrivals may count from any
  instant and need not be in order. A first line of words is a head: it must name ``arrival`` and ``service``, and may name other columns.
- an access log: the time in brackets, as in nginx's ``combined``, and the seconds that the request took as the last word of the line:
  ``log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent $request_time';``. nginx writes a line when a
  request ends, so it came in that much earlier. Its clock has whole seconds: the requests of one second are spread over it, as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from simulation.scenarios import Scenario
from simulation.site import Request

SHOWN = 20
"""Problems that are told one by one."""

_LOGGED = re.compile(r"\[(?P<when>[^]]*:[^]]*)\].*\s(?P<took>\S+)$")
_SEPARATOR = re.compile(r"\s*[,;\t]\s*|\s+")


class Seen(NamedTuple):
    """One request of a line: `at` the time written there, `ended` whether that is its end, in whole seconds."""

    at: float
    service: float
    ended: bool


class RecordedError(Exception):
    """All that is wrong with a file, a line each, as ``FILE:LINE: what, and the way out``."""

    def __init__(self, problems: Sequence[str]) -> None:
        more = [f"and {len(problems) - SHOWN} more lines"] if len(problems) > SHOWN else []
        super().__init__("\n".join([*problems[:SHOWN], *more]))
        self.problems = list(problems)


def scenario(path: Path) -> Scenario:
    """The requests of a file. Raises RecordedError, also when the file cannot be read or holds none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise RecordedError([f"{path}: cannot be read ({error.strerror}): give the name of a readable file"]) from error
    requests = moved_to_zero(spread(read(lines, str(path))))
    if not requests:
        raise RecordedError([f"{path}: no request in it: a line is `arrival, service`, both in seconds, or one of an access log"])
    seconds = max(request.at + request.service for request in requests)
    return Scenario(path.stem, f"{path.name}: {len(requests):,} recorded requests", seconds + 1.0, requests)


def read(lines: Iterable[str], name: str) -> list[Seen]:
    """What the lines say. Raises RecordedError with every line that says nothing."""
    seen: list[Seen] = []
    problems: list[str] = []
    columns: tuple[int, int] | None = None
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        try:
            if columns is None and not seen and not problems and is_head(line):
                columns = head(line)
            else:
                seen.append(one(line, columns or (0, 1)))
        except ValueError as error:
            problems.append(f"{name}:{number}: {error}")
    if problems:
        raise RecordedError(problems)
    return seen


def one(line: str, columns: tuple[int, int]) -> Seen:
    """One line. Raises ValueError that says what is wrong and what would be right."""
    logged = _LOGGED.search(line)
    if logged:
        return Seen(logged_time(logged["when"]), service(logged["took"]), ended=True)
    words = _SEPARATOR.split(line)
    if len(words) <= max(columns):
        raise ValueError(f"{len(words)} column(s): write arrival and service time in seconds, as in `12.5, 0.120`")
    return Seen(seconds(words[columns[0]], "arrival"), service(words[columns[1]]), ended=False)


def is_head(line: str) -> bool:
    """Whether a line is made of names."""
    return not _LOGGED.search(line) and all(re.fullmatch(r"[^\W\d]\w*", word.strip('"')) for word in _SEPARATOR.split(line))


def head(line: str) -> tuple[int, int]:
    """Where arrival and service are. Raises ValueError."""
    names = [word.strip('"').lower() for word in _SEPARATOR.split(line)]
    if not {"arrival", "service"} <= set(names):
        raise ValueError(f"the head names {', '.join(names)}: name the two columns that count `arrival` and `service`")
    return names.index("arrival"), names.index("service")


def seconds(word: str, what: str) -> float:
    """A number of seconds. Raises ValueError."""
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise ValueError(f"{what} {word!r} is no number: write seconds, as in `0.120`")
    return value


def service(word: str) -> float:
    """Seconds that a request took. Raises ValueError."""
    value = seconds(word, "service time")
    if value < 0:
        raise ValueError(f"service time {word} is negative: write the seconds that the request took")
    return value


def logged_time(word: str) -> float:
    """Seconds since 1970. Raises ValueError."""
    try:
        return datetime.strptime(word, "%d/%b/%Y:%H:%M:%S %z").timestamp()
    except ValueError:
        raise ValueError(f"[{word}] is no time of an access log: write it as in [26/Nov/2026:03:51:55 +0000]") from None


def spread(seen: Iterable[Seen]) -> list[Request]:
    """When they came in: those that ended within one second of a log ended evenly spread over it."""
    requests: list[Request] = []
    for (ended, second), group in groupby(seen, key=lambda one: (one.ended, one.at)):
        several = list(group)
        gap = 1 / len(several) if ended else 0.0
        begins = [second + index * gap - one.service * ended for index, one in enumerate(several)]
        requests += [Request(at, one.service) for at, one in zip(begins, several, strict=True)]
    return requests


def moved_to_zero(requests: Sequence[Request]) -> list[Request]:
    """In order, and counted from one second before the first: time to start."""
    ordered = sorted(requests)
    return [request._replace(at=request.at - ordered[0].at + 1.0) for request in ordered]
