"""The CGI program that a worker leaves behind when it is killed in the middle of a request."""

from __future__ import annotations

import os
from collections.abc import Iterable

from fcgipm import scoreboard
from fcgipm.master.processes import signal_group


def end_programs(board: memoryview, slots: Iterable[int], uid: int | None) -> None:
    """End what a reaped worker of that user (None: our own) was running, with all of its group.

    The worker's word is not believed: the process must be our child by now, as every orphan below us is, lead a group, and be the pool's user's, who could end
    it as well.
    """
    for slot in slots:
        pid = scoreboard.words(board, slot)[scoreboard.PROGRAM]
        if 1 < pid < 1 << 31 and _leader_owner(pid) == (os.geteuid() if uid is None else uid):
            signal_group(pid, force=True)


def _leader_owner(pid: int) -> int | None:
    """Whose the process is; None: it is gone, or leads no group."""
    try:
        return os.stat(f"/proc/{pid}").st_uid if os.getpgid(pid) == pid else None
    except OSError:
        return None
