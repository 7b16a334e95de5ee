"""A daemon of one's own in the foreground: its log rendered for the terminal, signals passed on, nothing left when either ends."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from fcgipm.system.subreaper import as_daemon

READY = "ready to serve"
"""In the one line that a daemon writes when it serves."""


class Foreground:
    """Runs daemons of a configuration whose log is JSON on standard error. `on_ready` is called when one serves; `ended` once we are to end. `shown` makes
    what is printed of a line of the log; None: nothing."""

    def __init__(
        self, file: str, on_ready: Callable[[], None], on_end: Callable[[], None], shown: Callable[[str], str | None] | None = None
    ) -> None:
        self._file = file
        self._shown = shown or render
        self._on_ready = on_ready
        self._on_end = on_end
        self._daemon: subprocess.Popen[str] | None = None
        self.ended = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._pass_on)

    def run(self, descriptors: tuple[int, ...] = ()) -> int:
        """One daemon, from start to end; its exit status. `descriptors` are listening sockets that it inherits."""
        with subprocess.Popen(
            [sys.executable, "-I", "-m", "fcgipm.master", self._file],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="backslashreplace",
            pass_fds=descriptors,
            start_new_session=True,  # ^C on the terminal is for us, who pass it on once.
            preexec_fn=as_daemon,
        ) as daemon:
            self._daemon = daemon
            assert daemon.stderr is not None
            for line in daemon.stderr:
                shown = self._shown(line)
                if shown is not None:
                    click.echo(shown, err=True)
                if READY in line:
                    self._on_ready()
            return daemon.wait()

    @property
    def running(self) -> bool:
        """Whether a daemon is there, ready or not."""
        return self._daemon is not None and self._daemon.poll() is None

    def _pass_on(self, number: int, _frame: Any) -> None:
        self.ended = True
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.send_signal(signal.SIGTERM if number == signal.SIGHUP else number)
        self._on_end()


def render(line: str) -> str:
    """A line of the daemon's log for a person: ``14:03:07 app[4711]: the line``; what is no JSON stays as it is."""
    try:
        record = json.loads(line)
        message, level, pool = record["message"], record["level"], record.get("pool")
        clock = datetime.fromisoformat(record["time"].replace("Z", "+00:00")).astimezone().strftime("%H:%M:%S")
    except (ValueError, KeyError, TypeError):
        return line.rstrip("\n")
    mark = "" if level == "info" else f"{level}: "
    if message.startswith("http: ") or pool is None:
        return f"{clock} {mark}{message.removeprefix('http: ')}"
    pid = f"[{record['pid']}]" if "pid" in record else ""
    return f"{clock} {pool}{pid}: {mark}{message}"


def is_of_a_reload(line: str) -> bool:
    """Whether this line of the log only says that a reload begins, goes on or ends."""
    try:
        message = json.loads(line)["message"]
    except (ValueError, KeyError, TypeError):
        return False
    return re.match(r"reload(?: failed)?: |generation (?!1 )[0-9]+ starts, ", message) is not None


def say(text: str) -> None:
    """A line of our own among them."""
    click.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)
