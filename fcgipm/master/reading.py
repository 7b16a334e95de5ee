"""The configuration read in a child: a hostile or huge file cannot hurt or fatten the master."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from fcgipm.master.children import ChildExit
from fcgipm.master.processes import signal_group
from fcgipm.system import exit_codes

PATIENCE = 60.0
"""Seconds that it may take: a file on a dead network folder must not keep a reload waiting for ever."""


class ConfigurationRefused(Exception):
    """The configuration child found the file wanting. `lines` are for people; `code` is the exit code."""

    def __init__(self, lines: list[str], code: int) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.code = code


class Reading:
    """One file being read. `due` is when to `give_up`; `over` once there is a result."""

    def __init__(self, file: str, now: float) -> None:
        """Raises OSError: there is no process to be had."""
        self.due = now + PATIENCE
        self.over = False
        self._file = file
        self._late = False
        self._status: int | None = None
        self._paper = os.memfd_create("fcgipm-configuration", os.MFD_CLOEXEC)
        try:
            child = subprocess.Popen(command(file), stdin=subprocess.DEVNULL, stdout=self._paper, start_new_session=True)
        except OSError:
            os.close(self._paper)
            raise
        child.returncode = 0  # The master reaps by pid; Popen must not try to.
        self.pid = child.pid

    def child_exited(self, child: ChildExit) -> bool:
        """One process was reaped; whether it was this."""
        if child.pid != self.pid or self._status is not None:
            return False
        self._status, self.over = os.waitstatus_to_exitcode(child.status), True
        return True

    def give_up(self) -> None:
        """Wait no longer."""
        self._late = self.over = True
        signal_group(self.pid, force=True)

    def result(self) -> dict[str, Any]:
        """The effective configuration; once it is over. Raises ConfigurationRefused."""
        if self._late:
            raise ConfigurationRefused([f"fcgipm: reading {self._file} did not end within {PATIENCE:g} s"], exit_codes.INTERNAL)
        assert self._status is not None
        return judged(os.pread(self._paper, os.fstat(self._paper).st_size, 0), self._file, self._status)

    def close(self) -> None:
        """Let go of it, and of the child if that is still there."""
        if not self.over:
            self.give_up()
        os.close(self._paper)


def command(file: str) -> list[str]:
    """What reads a file."""
    return [sys.executable, "-I", "-m", "fcgipm.system.configuration", file]


def judged(output: bytes, file: str, status: int) -> dict[str, Any]:
    """What the child has printed: the effective configuration. Raises ConfigurationRefused."""
    try:
        document = json.loads(output)
    except ValueError:
        raise ConfigurationRefused([f"fcgipm: reading {file} failed (exit {status})"], exit_codes.INTERNAL) from None
    if "config" not in document:
        raise ConfigurationRefused(document["errors"], exit_codes.CONFIGURATION)
    config: dict[str, Any] = document["config"]
    return config
