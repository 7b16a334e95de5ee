"""The processes of a pool as the runtime holds them: pid, channel, output."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from fcgipm.master.channel import Channel
from fcgipm.master.children import describe, is_clean
from fcgipm.master.output import Output
from fcgipm.system.children import children_with

if TYPE_CHECKING:
    from fcgipm.master.stacks import StackReader


class TemplateProcess:
    """One template. ``failed`` once it said FAILED: then its last words are the reason."""

    def __init__(self, generation: int, pid: int, channel: Channel, output: Output) -> None:
        self.generation = generation
        self.pid = pid
        self.channel = channel
        self.output = output
        self.failed = False
        self.logs_taken = 0
        """Number of the last LOGS that it has obeyed."""

    def reason(self, status: int) -> str:
        """Why it is gone, in one line: its own last words when it failed, else what became of the process. `status` as of waitpid(2)."""
        words = self.output.last_words()
        if words is not None and (self.failed or (os.WIFEXITED(status) and not is_clean(status))):
            return words
        return f"the template {describe(status)}"


class WorkerProcess:
    """One worker. `pid` is None until its HELLO; ``reaped`` once its pid may belong to somebody else."""

    def __init__(self, number: int, slot: int, channel: Channel) -> None:
        self.number = number
        self.slot = slot
        self.channel = channel
        self.output: Output | None = None
        self.pid: int | None = None
        self.reaped = False
        self.logs_taken = 0
        self.stacks: StackReader | None = None

    def settled(self) -> None:
        """It is ready: from now on nothing that it writes is held back."""
        if self.output is not None:
            self.output.settled()

    def kill_unknown(self) -> None:
        """Kill what never greeted, so that its pid was never told: whoever of our children writes to its output."""
        if self.output is not None:
            for pid in children_with(self.output.fileno()):
                signal_group(pid, force=True)

    def reason(self, status: int, ready: bool) -> str:
        """What became of it, with its own last words where it was not `ready` yet. `status` as of waitpid(2)."""
        words = None if self.output is None else self.output.last_words()
        return describe(status) if ready or not words or is_clean(status) else f"{describe(status)}: {words}"


def signal_group(pid: int, force: bool) -> bool:
    """TERM, or KILL, to the process group that `pid` leads; to the process alone while it has not made its group yet.

    False, and nothing is sent, when it is no child of ours: who greets as a worker need not be one, and only the pid of a child that was not reaped
    cannot belong to anybody else.
    """
    if not is_child(pid):
        return False
    number = signal.SIGKILL if force else signal.SIGTERM
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        _signal(pid, number)
    except PermissionError:
        pass
    return True


def is_child(pid: int) -> bool:
    """Whether it is a child of ours that was not reaped; leaves it so."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass
