"""The daemon's log: one line an event, written at once. (The standard library's logging would cost the master 1 MiB and locks it has no use for.)

Text:  ``2026-11-22T12:00:00.123Z info web[1234]: the line``
JSON:  ``{"time": …, "level": "info", "pool": "web", "pid": 1234, "message": "the line"}``
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping

from fcgipm import orders
from fcgipm.master.folding import Folding
from fcgipm.master.lines import clean
from fcgipm.master.sink import Sink
from fcgipm.system.errors import SystemProblem
from fcgipm.system.logfiles import open_log

Key = tuple[str, str, str | None, int | None]
"""Level, message, pool, pid."""

STDERR = "stderr"
LEVELS = ("debug", "info", "warning", "error")
_WARNING = clean(orders.WARNING.encode("ascii"))
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3}


class Log:
    """Writes to standard error or to a file. What the daemon says below `level` is dropped; what its processes write never is.

    What it says itself again and again is told as a count. A line that cannot be written at once is lost, because the daemon must go on; the next that
    can be tells how many were.
    """

    def __init__(self, file: str = STDERR, level: str = "info", form: str = "text") -> None:
        """Raises SystemProblem when the file cannot be opened."""
        self._path = None if file == STDERR else file
        self._folding = Folding()
        self._told: Key | None = None
        """The daemon's own line that was written last."""
        self._sink = Sink(2 if self._path is None else open_log(self._path))
        self._shape(level, form)

    def write(self, level: str, message: str, pool: str | None = None, pid: int | None = None) -> None:
        """One line of the daemon's own; `message` must have no control characters."""
        if LEVELS.index(level) >= self._lowest and self._is_new((level, message, pool, pid)):
            self._put(level, message, pool, pid)

    def output(self, line: str, pool: str | None, pid: int | None) -> None:
        """A line that a process of `pool` wrote, whatever the level: nobody knows how important it is, but for what a worker calls a warning."""
        self._is_new(None)
        message = line.removeprefix(_WARNING)
        self._put("info" if message == line else "warning", message, pool, pid)

    def debug(self, message: str, pool: str | None = None) -> None:
        """For those who look for a fault."""
        self.write("debug", message, pool)

    def info(self, message: str, pool: str | None = None) -> None:
        """For the record."""
        self.write("info", message, pool)

    def warning(self, message: str, pool: str | None = None) -> None:
        """Something is not as it should be, and handled."""
        self.write("warning", message, pool)

    def error(self, message: str, pool: str | None = None) -> None:
        """Something does not work."""
        self.write("error", message, pool)

    @property
    def lost(self) -> bool:
        """Whether the last line was."""
        return self._sink.lost > 0

    def reopen(self) -> str | None:
        """Open the file's path anew, after it was renamed. When that fails, the old one is kept; what is returned, and written nowhere yet, tells why."""
        if self._path is not None:
            try:
                self._sink.replace(open_log(self._path))
            except SystemProblem as problem:
                return str(problem)
        return None

    def _is_new(self, key: Key | None) -> bool:
        """Tell how often the last line was repeated, where it is time to. `key` is what this one says, None for a process's, of which none is left out."""
        count, new = self._folding.take(key, time.monotonic())
        if count and self._told is not None:
            level, message, pool, pid = self._told
            self._put(level, f"repeated {count} times: {message}", pool, pid)
        self._told = key
        return new

    def become(self, settings: Mapping[str, str]) -> None:
        """Write as other settings (`log` of a configuration) say. Raises SystemProblem, and goes on as before."""
        path = None if settings["file"] == STDERR else settings["file"]
        if path != self._path:
            before, self._sink = self._sink, Sink(2 if path is None else open_log(path))
            before.close()
            self._path = path
        self._shape(settings["level"], settings["format"])

    def close(self) -> None:
        """Write there no more."""
        self._sink.close()

    def _shape(self, level: str, form: str) -> None:
        self._lowest = LEVELS.index(level)
        self._format = _json_line if form == "json" else _journal_line if self._path is None and _is_journal(2) else _text_line

    def _put(self, level: str, message: str, pool: str | None, pid: int | None) -> None:
        lost = self._sink.lost
        if lost and not self._sink.put(self._line("warning", f"{lost} lines of this log were lost: nobody took them", None, None)):
            return
        self._sink.put(self._line(level, message, pool, pid))

    def _line(self, level: str, message: str, pool: str | None, pid: int | None) -> bytes:
        return self._format(timestamp(time.time()), level, message, pool, pid).encode("utf-8", "backslashreplace") + b"\n"


def timestamp(seconds: float) -> str:
    """UTC as in RFC 3339, with milliseconds."""
    whole = int(seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int((seconds - whole) * 1000):03}Z"


def _text_line(when: str, level: str, message: str, pool: str | None, pid: int | None) -> str:
    if pool is None and pid is None:
        return f"{when} {level} {message}"
    return f"{when} {level} {pool}: {message}" if pid is None else f"{when} {level} {pool or ''}[{pid}]: {message}"


def _journal_line(when: str, level: str, message: str, pool: str | None, pid: int | None) -> str:
    """journald takes the level off again (sd-daemon(3), SD_ERR and its like)."""
    return f"<{_PRIORITIES[level]}>{_text_line(when, level, message, pool, pid)}"


def _is_journal(descriptor: int) -> bool:
    """Whether it leads to journald: then systemd has put its device and inode into the environment (systemd.exec(5), $JOURNAL_STREAM)."""
    try:
        file = os.fstat(descriptor)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{file.st_dev}:{file.st_ino}"


def _json_line(when: str, level: str, message: str, pool: str | None, pid: int | None) -> str:
    fields: dict[str, str | int] = {"time": when, "level": level, "message": message}
    if pool is not None:
        fields["pool"] = pool
    if pid is not None:
        fields["pid"] = pid
    return json.dumps(fields)
