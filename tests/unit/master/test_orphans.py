"""A worker's word about its program is not believed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from fcgipm import scoreboard
from fcgipm.master.orphans import end_programs


@contextmanager
def sleeper(leads: bool, child: bool = True) -> Iterator[int]:
    """A process that sleeps: ours, or our child's."""
    command = ["sleep", "1000"] if child else ["sh", "-c", "setsid sleep 1000 & echo $!; wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=leads, text=True) as process:
        assert process.stdout is not None
        pid = process.pid if child else int(process.stdout.readline())
        try:
            yield pid
        finally:
            os.kill(pid, 9) if not child else process.kill()


def told(pid: int, uid: int | None = None) -> None:
    board = memoryview(bytearray(scoreboard.size(1)))
    scoreboard.words(board, 0)[scoreboard.PROGRAM] = pid
    end_programs(board, [0], uid)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_child_of_the_right_user_that_leads_a_group_is_ended() -> None:
    with sleeper(leads=True) as pid:
        told(pid)
        assert os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT).si_status == 9  # type: ignore[union-attr]


def test_a_worker_cannot_have_a_foreign_process_ended() -> None:
    with sleeper(leads=True) as pid:
        told(pid, uid=os.geteuid() + 1)
        assert alive(pid), "another user's"
    with sleeper(leads=False) as pid:
        told(pid)
        assert alive(pid), "no leader of a group"
    with sleeper(leads=True, child=False) as pid:
        told(pid)
        assert alive(pid), "no child of ours"
    for pid in (0, 1, os.getpid(), 1 << 31, (1 << 64) - 1):
        told(pid)
