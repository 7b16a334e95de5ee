"""USR2: a new program takes the place of this one, in the same process and under full traffic.

The new program first rehearses in a child: it takes over everything, with the same descriptors, and serves nobody. Only when that went well is it put in
this one's place, by exec. Processes, listeners and what waits in queues outlive that; then the new program reloads. Whatever goes wrong before the exec
means: this one serves on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from fcgipm.master.bequest import Bequest, end_the_unfinished
from fcgipm.master.children import ChildExit, describe, is_clean
from fcgipm.master.processes import signal_group

if TYPE_CHECKING:
    from fcgipm.master.master import Master

PATIENCE = 30.0
"""Seconds that the rehearsal may take."""
SERVES_ON = "this program serves on"


class Succession:
    """`wanted` from the signal to the exec, or the failure; `rehearsed` once only the exec is left."""

    def __init__(self, master: Master) -> None:
        self.wanted = False
        self.rehearsed = False
        self._master = master
        self._pid: int | None = None
        self._deadline = 0.0
        self._papers: list[int] = []

    def ask(self) -> None:
        """Put a new program into this one's place as soon as nothing else is under way."""
        self.wanted = True

    @property
    def next_wakeup(self) -> float | None:
        """When to call `see_to` although nothing happened."""
        return self._deadline if self._pid is not None else None

    @property
    def rehearsing(self) -> bool:
        """Whether the new program is about to take over: nothing else is begun then."""
        return self._pid is not None or self.rehearsed

    def see_to(self, now: float, may_begin: bool) -> None:
        """Begin the rehearsal, or end one that takes too long. `may_begin`: nothing is under way that a bequest would not tell of."""
        if self.wanted and not self.rehearsing:
            if may_begin:
                self._begin(now)
        elif self._pid is not None and now >= self._deadline:
            self._deadline = now + PATIENCE
            signal_group(self._pid, force=True)

    def child_exited(self, child: ChildExit) -> bool:
        """One process was reaped; whether it was the rehearsal."""
        if child.pid != self._pid:
            return False
        self._pid = None
        said = os.pread(self._papers[1], 4096, 0).decode("utf-8", "replace").strip().rpartition("\n")[2]
        self._drop_papers()
        if is_clean(child.status) and self.wanted:
            self.rehearsed = True
        elif self.wanted:
            self._failed(f"the rehearsal {describe(child.status)}" + (f": {said}" if said else ""))
        return True

    def abandon(self) -> None:
        """The daemon stops."""
        self.wanted = self.rehearsed = False
        if self._pid is not None:
            signal_group(self._pid, force=True)

    def _begin(self, now: float) -> None:
        self._master.log.info("upgrade: the new program rehearses")
        try:
            bequest = Bequest(self._master)
            self._papers = [_written(bequest)]
            self._papers.append(os.memfd_create("fcgipm-rehearsal", os.MFD_CLOEXEC))
            passed = [*bequest.descriptors, self._papers[0]]
            child = subprocess.Popen(
                _command("--rehearse", self._papers[0]),
                stdin=subprocess.DEVNULL, stdout=self._papers[1], stderr=self._papers[1], pass_fds=passed, start_new_session=True,
            )  # fmt: skip
        except Exception as error:  # Whatever it is, the daemon must not end of it.
            self._drop_papers()
            self._failed(f"the rehearsal could not begin: {error}")
            return
        child.returncode = 0  # The master reaps by pid; Popen must not try to.
        self._pid, self._deadline = child.pid, now + PATIENCE

    def take_over(self) -> None:
        """Be the new program. Returns only when that cannot be done."""
        master = self._master
        descriptors: list[int] = []
        try:
            master.log.info("upgrade: the new program takes over")
            end_the_unfinished(master)
            bequest = Bequest(master)
            self._papers = [_written(bequest)]
            descriptors = [*bequest.descriptors, *self._papers]
            for descriptor in descriptors:
                os.set_inheritable(descriptor, True)
            os.execv(sys.executable, _command("--resume", self._papers[0]))
        except Exception as error:
            for descriptor in descriptors:
                os.set_inheritable(descriptor, False)
            self._drop_papers()
            self._failed(f"the new program could not be started: {error}")

    def _failed(self, why: str) -> None:
        self.wanted = self.rehearsed = False
        self._master.log.error(f"upgrade failed: {why}: {SERVES_ON}")

    def _drop_papers(self) -> None:
        for paper in self._papers:
            os.close(paper)
        self._papers = []


def _written(bequest: Bequest) -> int:
    """The state in a memory file."""
    paper = os.memfd_create("fcgipm-state", os.MFD_CLOEXEC)
    text = json.dumps({**bequest.state, "descriptors": bequest.descriptors}).encode("ascii")
    while text:
        text = text[os.write(paper, text) :]
    return paper


def _command(mode: str, paper: int) -> list[str]:
    return [sys.executable, "-I", "-m", "fcgipm.master", mode, str(paper)]
