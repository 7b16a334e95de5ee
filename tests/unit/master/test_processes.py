"""Signals go to children alone."""

from __future__ import annotations

import os
import signal
import subprocess

from fcgipm.master.processes import signal_group


def test_a_child_and_its_group_are_signalled() -> None:
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    assert signal_group(child.pid, force=False)
    assert child.wait(10) == -signal.SIGTERM


def test_a_child_that_leads_no_group_is_signalled_alone() -> None:
    child = subprocess.Popen(["sleep", "60"])
    assert signal_group(child.pid, force=True)
    assert child.wait(10) == -signal.SIGKILL


def test_an_ended_child_that_was_not_reaped_is_ours_still() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert signal_group(child.pid, force=True)
    child.wait()
    assert not signal_group(child.pid, force=True)


def test_a_process_that_is_no_child_is_left_alone() -> None:
    """Whatever greets in a worker's name: here, a grandchild that leads its group."""
    script = "setsid sleep 60 & echo $!; read wait; kill -KILL $!"
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        stranger = int(parent.stdout.readline())
        assert not signal_group(stranger, force=True)
        os.kill(stranger, 0)
        parent.stdin.write(b"\n")
